import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Answer } from '../transports.fixture.ts';

/** The parts of our OpenAPI document that answers and deliveries are checked against. */
type Reference = { $ref?: string };
type Header = Reference & { required?: boolean; schema?: { type?: string } };
type Media = { schema?: object; example?: unknown; examples?: Record<string, { value: unknown }> };
type Reply = Reference & { headers?: Record<string, Header>; content?: Record<string, Media> };
type Described = {
  operationId: string;
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Reply>;
};
type PathItem = Record<string, Described | undefined>;
type Document = {
  paths: Record<string, PathItem>;
  webhooks?: Record<string, { post: Described }>;
  components: object;
};

/**
 * Headers of HTTP itself, of caches and of browsers. Any answer may have them, and the document
 * lists none.
 */
const generalHeaders: ReadonlySet<string> = new Set([
  'allow',
  'cache-control',
  'connection',
  'content-length',
  'content-security-policy',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
  'vary',
  'x-accel-buffering',
  'x-content-type-options',
]);

/** Statuses that any path may answer. The document covers them by the `default` response. */
const generalStatuses: ReadonlySet<number> = new Set([405, 408, 413, 414, 417, 431]);

/** Codes of the error table that a handler may send with a status of its own choice. */
const handlersCodes: ReadonlySet<string> = new Set(['task_error']);

/**
 * Checks real answers and deliveries against the OpenAPI document of the server that sent them.
 * Path, method and status must be in the document, every header must be known and fit its schema,
 * and JSON must fit its schema without additional members.
 */
export class DocumentedAnswers {
  /** The operationIds with an answer below 400 so far. */
  readonly answered = new Set<string>();
  readonly #document: Document;
  readonly #ajv: Ajv2020;

  constructor(document: unknown) {
    this.#document = closed(document) as Document;
    this.#ajv = new Ajv2020({ allErrors: true, strict: false, coerceTypes: false });
    addFormats.default(this.#ajv);
    this.#ajv.addFormat('uri-reference', true); // ajv-formats wants more than RFC 3986 of it
    this.#ajv.addSchema(this.#document, 'document');
  }

  /** Throws when the document does not describe `answer`. HEAD and OPTIONS are in no document. */
  check(method: string, target: string, answer: Answer): void {
    if (method === 'HEAD' || method === 'OPTIONS') return;
    const about = `${method} ${target}: ${answer.status} ${answer.text.slice(0, 500)}`;
    const path = this.#pathOf(target);
    const name = method.toLowerCase();
    const operation = path === null ? undefined : this.#document.paths[path]?.[name];
    if (operation === undefined) {
      if (isPage(answer)) return;
      assert.ok([404, 405, 414].includes(answer.status), `not documented: ${about}`);
      this.#fits('#/components/schemas/Problem', answer.json, about);
      return;
    }
    const reply = this.#resolved(this.#replyTo(operation, answer, about));
    this.#checkHeaders(reply, answer, about);
    this.#checkBody(reply, answer, about);
    if (answer.status < 400) this.answered.add(operation.operationId);
  }

  /** Throws when a delivery of `event` differs from the document's webhook. */
  checkDelivery(
    event: string,
    sent: { readonly headers: NodeJS.Dict<string | string[]>; readonly body: unknown },
  ): void {
    const webhook = this.#document.webhooks?.[event]?.post;
    assert.ok(webhook !== undefined, `no such webhook: ${event}`);
    for (const { name, schema } of webhook.parameters ?? []) {
      this.#validate(schema, sent.headers[name], `${event}, header ${name}`);
    }
    const type = String(sent.headers['content-type']);
    const media = webhook.requestBody?.content[type];
    assert.ok(media?.schema !== undefined, `no such content: ${type}`);
    this.#validate(media.schema, sent.body, `${event} ${JSON.stringify(sent.body)}`);
  }

  /** The operationIds of all operations in the document's paths. */
  get operationIds(): readonly string[] {
    return Object.values(this.#document.paths).flatMap((item) =>
      Object.values(item).flatMap((operation) => operation?.operationId ?? []),
    );
  }

  /**
   * Throws unless every example in the document fits the schema beside it. Returns their number.
   */
  checkExamples(): number {
    let checked = 0;
    const look = (node: unknown, at: string): void => {
      if (typeof node !== 'object' || node === null) return;
      if ('schema' in node) {
        const { schema, example, examples = {} } = node as Media & { schema: object };
        const values = Object.values(examples).map(({ value }) => value);
        if (example !== undefined) values.push(example);
        for (const value of values) this.#validate(schema, value, `example at ${at}`);
        checked += values.length;
      }
      for (const [name, value] of Object.entries(node)) look(value, `${at}/${name}`);
    };
    look(this.#document, '');
    return checked;
  }

  #replyTo({ responses }: Described, answer: Answer, about: string): Reply {
    const { status } = answer;
    const reply = responses[status];
    if (reply !== undefined) return reply;
    const isProblem = status >= 400 && responses['default'] !== undefined;
    assert.ok(isProblem, `no such status: ${about}`);
    const { code } = answer.json as { code: string };
    const isTold = status >= 500 || generalStatuses.has(status) || handlersCodes.has(code);
    assert.ok(isTold, `the status is only in 'default': ${about}`);
    return responses['default']!;
  }

  #checkHeaders({ headers = {} }: Reply, answer: Answer, about: string): void {
    const known = new Map(
      Object.entries(headers).map(([name, header]) => [name.toLowerCase(), this.#resolved(header)]),
    );
    for (const [name, { required = false }] of known) {
      assert.ok(!required || answer.headers.has(name), `no ${name}: ${about}`);
    }
    for (const [name, text] of answer.headers) {
      const schema = known.get(name)?.schema;
      if (schema === undefined) {
        assert.ok(generalHeaders.has(name), `the header ${name} is not documented: ${about}`);
        continue;
      }
      const value = schema.type === 'integer' ? Number(text) : text;
      this.#validate(schema, value, `header ${name}: ${text}: ${about}`);
    }
  }

  #checkBody({ content }: Reply, answer: Answer, about: string): void {
    if (content === undefined) {
      assert.equal(answer.bytes.length, 0, `a body where none is documented: ${about}`);
      return;
    }
    const type = answer.headers.get('content-type')?.split(';', 1)[0] ?? 'none';
    const media = content[type] ?? content['*/*'];
    assert.ok(media !== undefined, `${type} is not documented: ${about}`);
    if (!type.endsWith('json') || media.schema === undefined) return;
    if (type !== 'application/x-ndjson') return this.#validate(media.schema, answer.json, about);
    for (const line of answer.text.split('\n').filter(Boolean)) {
      this.#validate(media.schema, JSON.parse(line), about);
    }
  }

  #resolved<Node extends Reference>(node: Node): Node {
    const { $ref } = node;
    if ($ref === undefined) return node;
    return $ref
      .slice('#/'.length)
      .split('/')
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], this.#document) as Node;
  }

  #fits(pointer: string, value: unknown, about: string): void {
    this.#validate({ $ref: pointer }, value, about);
  }

  #validate(schema: object, value: unknown, about: string): void {
    const { $ref } = schema as Reference;
    const isValid =
      $ref === undefined
        ? this.#ajv.validate(absolute(schema) as object, value)
        : this.#ajv.getSchema(`document${$ref}`)!(value);
    assert.ok(isValid, `${this.#ajv.errorsText(this.#errorsOf($ref))}: ${about}`);
  }

  #errorsOf($ref: string | undefined): Ajv2020['errors'] {
    const own = $ref === undefined ? undefined : this.#ajv.getSchema(`document${$ref}`)?.errors;
    return own ?? this.#ajv.errors ?? null;
  }

  /** Literal paths come before those with parameters. */
  #pathOf(target: string): string | null {
    const path = decoded(target.split('?', 1)[0]!);
    const { paths } = this.#document;
    if (path in paths) return path;
    return (
      Object.keys(paths).find((one) =>
        new RegExp(`^${one.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
      ) ?? null
    );
  }
}

/** Pages for people are in no document. On a documented path, HTML is an error. */
function isPage({ status, headers }: Answer): boolean {
  return status === 200 && headers.get('content-type') === 'text/html; charset=utf-8';
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** A schema taken out of the document, with references that point back into it. */
function absolute(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(absolute);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      name,
      name === '$ref' ? `document${String(value)}` : absolute(value),
    ]),
  );
}

/** A copy of a schema that allows no additional members. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([name, one]) => [name, closed(one)]));
  const named = copy['type'] === 'object' && typeof copy['properties'] === 'object';
  return named && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}
