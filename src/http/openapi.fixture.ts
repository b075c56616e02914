import assert from 'node:assert/strict';
import { z } from 'zod';
import type { Answer } from './transports.fixture.ts';

/** The pieces of our OpenAPI document that an answer is held to. */
type Reply = { $ref?: string; content?: Record<string, { schema: unknown }> };
type PathItem = Record<string, { responses: Record<string, Reply> } | undefined>;
type Document = {
  paths: Record<string, PathItem>;
  components: { schemas: Record<string, unknown>; responses: Record<string, Reply> };
};

/**
 * Holds real answers to the OpenAPI document of the server that gave them: the address, method and status
 * must be in it, and JSON must fit its schema without a member more.
 */
export class DocumentedAnswers {
  readonly #document: Document;
  readonly #validators = new Map<string, z.ZodType>();
  readonly #definitions: Record<string, unknown>;

  constructor(document: unknown) {
    this.#document = document as Document;
    this.#definitions = closed(this.#document.components.schemas) as Record<string, unknown>;
  }

  /** Throws when the document does not announce `answer`. HEAD and OPTIONS stand in no document. */
  check(method: string, target: string, answer: Answer): void {
    if (method === 'HEAD' || method === 'OPTIONS') return;
    const type = answer.headers.get('content-type');
    const about = `${method} ${target}: ${answer.status} ${answer.text.slice(0, 500)}`;
    const operation = this.#pathItem(target)?.[method.toLowerCase()];
    if (operation === undefined) {
      assert.ok([404, 405, 414].includes(answer.status), `not documented: ${about}`);
      this.#validate('Problem', answer, about);
      return;
    }
    const reply = operation.responses[answer.status] ?? operation.responses['default'];
    assert.ok(reply !== undefined, `no such status: ${about}`);
    const name = reply.$ref?.split('/').at(-1);
    const content =
      name === undefined ? reply.content : this.#document.components.responses[name]?.content;
    if (content === undefined) return;
    assert.ok(type !== null && type in content, `${type} is not documented: ${about}`);
    const { $ref } = (content[type]?.schema ?? {}) as { $ref?: string };
    if ($ref !== undefined) this.#validate($ref.split('/').at(-1)!, answer, about);
  }

  /** Throws when `json` is not of the schema `name`. */
  fits(name: string, json: unknown): void {
    this.#validate(name, { json }, JSON.stringify(json));
  }

  #validate(name: string, answer: Pick<Answer, 'json'>, about: string): void {
    let validator = this.#validators.get(name);
    if (validator === undefined) {
      const schema = { ...(this.#definitions[name] as object), $defs: this.#definitions };
      validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
      this.#validators.set(name, validator);
    }
    const { success, error } = validator.safeParse(answer.json);
    assert.ok(
      success,
      `not a ${name}: ${about}\n${error === undefined ? '' : z.prettifyError(error)}`,
    );
  }

  /** Addresses in so many words come before those with parameters. */
  #pathItem(target: string): PathItem | undefined {
    const path = decoded(target.split('?', 1)[0]!);
    const { paths } = this.#document;
    const exact = paths[path];
    if (exact !== undefined) return exact;
    const template = Object.keys(paths).find((one) =>
      new RegExp(`^${one.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    return template === undefined ? undefined : paths[template];
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** No schema takes a member it does not name, and references lead into $defs. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(schema)) {
    if (value === 'uri-reference') continue; // zod asks for a whole URL
    copy[name] =
      name === '$ref' ? String(value).replace('#/components/schemas/', '#/$defs/') : closed(value);
  }
  const named = 'type' in copy && copy['type'] === 'object' && 'properties' in copy;
  return named && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}
