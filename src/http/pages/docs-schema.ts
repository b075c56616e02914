import { html, type Html } from './html.ts';
import type { ShownSchema } from './docs-model.ts';

/** Prose of ours, in which backquotes mark `code`. */
export function prose(text: string): readonly Html[] {
  return text
    .split('`')
    .map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

/** The depth to which schemas are shown. A recursive schema would not end. */
const depthMax = 6;

/**
 * What is marked beside a name: members that a request must have, or members that an answer may
 * lack.
 */
export type Marks = 'required' | 'optional';

/**
 * A schema as a list of its members, each with its type, its constraints and, collapsed, its own
 * members.
 */
export function schemaView(schema: ShownSchema, marks: Marks, depth = 0): Html {
  const inner = membersOf(schema);
  if (inner === null) return html`<p>${typeLine(schema)}</p>`;
  const required = asList(inner['required']).map(String);
  const members = Object.entries(asObject(inner['properties']));
  const free = freeMembers(inner);
  if (members.length === 0) return html`<p class="type">${free ?? 'object, without members'}</p>`;
  return html`<ul class="members">
    ${members.map(([name, member]) => memberView({ name, member, marks, mark: markOf(marks, required.includes(name)), depth }))}
    ${free === null ? '' : html`<li class="dim">${free}</li>`}
  </ul>`;
}

/** The type and its constraints, in one line. */
export function typeLine(schema: ShownSchema): Html {
  return html`<span class="type">${typeOf(schema)}</span> ${facts(schema)}`;
}

function memberView(p: {
  readonly name: string;
  readonly member: unknown;
  readonly marks: Marks;
  readonly mark: string;
  readonly depth: number;
}): Html {
  const schema = asObject(p.member);
  const description = schema['description'];
  return html`<li>
    <code class="name">${p.name}</code>
    ${p.mark === '' ? '' : html`<span class="${p.mark}">${p.mark}</span>`} ${typeLine(schema)}
    ${typeof description === 'string' ? html`<p>${prose(description)}</p>` : ''}
    ${innerView(schema, p.marks, p.depth)}
  </li>`;
}

function markOf(marks: Marks, isRequired: boolean): string {
  return isRequired === (marks === 'required') ? marks : '';
}

function innerView(schema: ShownSchema, marks: Marks, depth: number): Html | string {
  const inner = membersOf(schema);
  if (inner === null || depth >= depthMax) return '';
  const names = Object.keys(asObject(inner['properties']));
  if (names.length === 0) return '';
  return html`<details class="inner">
    <summary>${String(names.length)} ${names.length === 1 ? 'member' : 'members'}</summary>
    ${schemaView(inner, marks, depth + 1)}
  </details>`;
}

/**
 * The object schema that has the members: the schema itself, its items, or the only choice that is
 * an object.
 */
function membersOf(schema: ShownSchema): ShownSchema | null {
  if ('properties' in schema) return schema;
  const items = asObject(schema['items']);
  if ('properties' in items) return items;
  const choices = asList(schema['anyOf'] ?? schema['oneOf']).map(asObject);
  const objects = choices.filter((one) => 'properties' in one);
  return objects.length === 1 ? (objects[0] ?? null) : null;
}

function freeMembers(schema: ShownSchema): string | null {
  const rest = schema['additionalProperties'];
  return typeof rest === 'object' && rest !== null ? 'and members of any other name' : null;
}

/** The type in words, with a link if the schema has a name. */
export function typeOf(schema: ShownSchema): Html {
  const ref = schema['$ref'];
  if (typeof ref === 'string') {
    const [, , , name = '', ...within] = ref.split('/');
    return within.length === 0 ? html`<a href="#schema-${name}">${name}</a>` : html`nested`;
  }
  const choices = asList(schema['anyOf'] ?? schema['oneOf']);
  if (choices.length > 0) return joined(choices.map((one) => typeOf(asObject(one))));
  if ('const' in schema) return html`<code>${JSON.stringify(schema['const'])}</code>`;
  if ('enum' in schema) return html`one of`;
  const { type } = schema;
  if (type === 'array') return html`array of ${typeOf(asObject(schema['items']))}`;
  if (Array.isArray(type)) return html`${type.join(' or ')}`;
  return html`${typeof type === 'string' ? type : 'any JSON'}`;
}

function joined(parts: readonly Html[]): Html {
  return html`${parts.map((part, i) => (i === 0 ? part : html` or ${part}`))}`;
}

/** Longer lists of values are left to the schemas. */
const valuesMax = 12;

function facts(schema: ShownSchema): readonly Html[] {
  const values = asList(schema['enum'] ?? asObject(schema['items'])['enum']);
  const list: Html[] = values
    .slice(0, valuesMax)
    .map((value) => html`<code class="value">${JSON.stringify(value)}</code> `);
  if (values.length > valuesMax) {
    list.push(html`<span class="dim">and ${String(values.length - valuesMax)} more</span>`);
  }
  const texts = [
    word(schema, 'format'),
    range(schema['minimum'], schema['maximum']),
    range(schema['minLength'], schema['maxLength'], ' characters'),
    range(schema['minItems'], schema['maxItems'], ' items'),
    'default' in schema ? `default ${JSON.stringify(schema['default'])}` : null,
  ];
  for (const text of texts) {
    if (text !== null) list.push(html`<span class="fact">${text}</span> `);
  }
  return list;
}

function word(schema: ShownSchema, name: string): string | null {
  const value = schema[name];
  return typeof value === 'string' ? value : null;
}

function range(low: unknown, high: unknown, unit = ''): string | null {
  // Where there is no bound, zod writes the range of safe integers.
  const isTold = (one: unknown): boolean =>
    typeof one === 'number' && Math.abs(one) < Number.MAX_SAFE_INTEGER;
  if (isTold(low) && isTold(high)) return `${String(low)} to ${String(high)}${unit}`;
  if (isTold(low)) return `at least ${String(low)}${unit}`;
  return isTold(high) ? `at most ${String(high)}${unit}` : null;
}

function asObject(value: unknown): ShownSchema {
  return typeof value === 'object' && value !== null ? (value as ShownSchema) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
