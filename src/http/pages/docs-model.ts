import type { Json } from '../openapi/schemas.ts';

/** A schema of the document: JSON Schema 2020-12, with its references. */
export type ShownSchema = Json;

export type ShownParameter = {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly description: string;
  readonly schema: ShownSchema;
};

export type ShownExample = { readonly name: string; readonly value: unknown };

export type ShownContent = {
  readonly type: string;
  readonly schema: ShownSchema;
  readonly examples: readonly ShownExample[];
};

export type ShownResponse = {
  /** '200', '2XX', 'default'. */
  readonly status: string;
  readonly description: string;
  readonly headers: readonly ShownParameter[];
  readonly contents: readonly ShownContent[];
  readonly links: readonly { readonly operationId: string; readonly description: string }[];
};

export type ShownOperation = {
  /** Its operationId, which is also its anchor in the page. */
  readonly id: string;
  /** 'get' and so on; 'event' for a webhook that we send. */
  readonly method: string;
  /** Path with the base path; for an event its name. */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly secured: boolean;
  readonly parameters: readonly ShownParameter[];
  readonly body: readonly ShownContent[];
  readonly responses: readonly ShownResponse[];
  /** Whether a submit may name an address that is notified of the end. */
  readonly tells: boolean;
};

export type ShownGroup = {
  readonly name: string;
  readonly description: string;
  readonly operations: readonly ShownOperation[];
};

export type ShownApi = {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  readonly groups: readonly ShownGroup[];
  readonly events: readonly ShownOperation[];
  readonly schemas: readonly { readonly name: string; readonly schema: ShownSchema }[];
};

/**
 * The content of the page, from our OpenAPI document: groups of operations, with all references
 * followed except those to schemas.
 */
export function shownApi(document: Json): ShownApi {
  const at = new Reading(document);
  const info = at.object(document['info']);
  const operations = at.entries(document['paths']).flatMap(([path, item]) => at.item(path, item));
  const events = at
    .entries(document['webhooks'])
    .flatMap(([name, item]) => at.item(name, item, 'event'));
  const tags = at.list(document['tags']);
  return {
    title: at.text(info, 'title'),
    version: at.text(info, 'version'),
    description: at.text(info, 'description'),
    groups: tags.map((tag) => ({
      name: at.text(tag, 'name'),
      description: at.text(tag, 'description'),
      operations: operations.filter(({ tag: own }) => own === tag['name']),
    })),
    events,
    schemas: at
      .entries(at.object(document['components'])['schemas'])
      .map(([name, schema]) => ({ name, schema })),
  };
}

const methods = ['get', 'post', 'put', 'patch', 'delete'];

class Reading {
  readonly #document: Json;

  constructor(document: Json) {
    this.#document = document;
  }

  object(value: unknown): Json {
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  }

  text(of: Json, name: string): string {
    const value = of[name];
    return typeof value === 'string' ? value : '';
  }

  list(value: unknown): readonly Json[] {
    return Array.isArray(value) ? (value as Json[]).map((one) => this.#resolved(one)) : [];
  }

  /** Members that are objects, with references followed. */
  entries(value: unknown): [string, Json][] {
    return Object.entries(this.object(value)).map(([name, one]) => [name, this.#resolved(one)]);
  }

  item(path: string, item: Json, shownAs?: string): (ShownOperation & { readonly tag: string })[] {
    return methods
      .filter((method) => method in item)
      .map((method) => {
        const operation = this.object(item[method]);
        const parameters = [
          ...this.list(item['parameters']),
          ...this.list(operation['parameters']),
        ];
        const security = operation['security'] ?? this.#document['security'];
        return {
          id: this.text(operation, 'operationId'),
          method: shownAs ?? method,
          path: shownAs === undefined ? `${this.#basePath}${path}` : path,
          tag: String((operation['tags'] as string[] | undefined)?.[0]),
          summary: this.text(operation, 'summary'),
          description: this.text(operation, 'description'),
          secured: Array.isArray(security) && security.length > 0,
          parameters: parameters.map((one) => this.#parameter(this.text(one, 'name'), one)),
          body: this.#contents(this.#resolved(operation['requestBody'])).map((content) => ({
            ...content,
            schema: this.#schema(content.schema),
          })),
          responses: this.entries(operation['responses']).map(([status, one]) =>
            this.#response(status, one),
          ),
          tells: 'callbacks' in operation,
        };
      });
  }

  get #basePath(): string {
    const url = this.text(this.list(this.#document['servers'])[0] ?? {}, 'url');
    return url.replace(/^https?:\/\/[^/]+/, '').replace(/\/$/, '');
  }

  #parameter(name: string, of: Json): ShownParameter {
    return {
      name,
      in: this.text(of, 'in'),
      required: of['required'] === true,
      description: this.text(of, 'description'),
      schema: this.object(of['schema']),
    };
  }

  #response(status: string, of: Json): ShownResponse {
    return {
      status,
      description: this.text(of, 'description'),
      headers: this.entries(of['headers']).map(([name, one]) => this.#parameter(name, one)),
      contents: this.#contents(of),
      links: this.entries(of['links']).map(([, one]) => ({
        operationId: this.text(one, 'operationId'),
        description: this.text(one, 'description'),
      })),
    };
  }

  #contents(of: Json): readonly ShownContent[] {
    return this.entries(of['content']).map(([type, media]) => ({
      type,
      schema: this.object(media['schema']),
      examples:
        'example' in media
          ? [{ name: '', value: media['example'] }]
          : this.entries(media['examples']).map(([name, one]) => ({ name, value: one['value'] })),
    }));
  }

  /** The schema itself, where a name refers to one. */
  #schema(schema: ShownSchema): ShownSchema {
    const name = this.text(schema, '$ref').split('/').at(-1) ?? '';
    const { schemas } = this.object(this.#document['components']);
    return '$ref' in schema ? this.object(this.object(schemas)[name]) : schema;
  }

  #resolved(value: unknown): Json {
    const one = this.object(value);
    const ref = this.text(one, '$ref');
    // References to schemas stay, because the page links to them.
    if (!ref.startsWith('#/') || ref.startsWith('#/components/schemas/')) return one;
    const names = ref.slice('#/'.length).split('/');
    return names.reduce<Json>((at, name) => this.object(at[name]), this.#document);
  }
}
