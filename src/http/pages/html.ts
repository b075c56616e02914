/** Text that is HTML already. Only html`` makes it, so that nothing gets into a page unescaped. */
export type Html = { readonly text: string; readonly [isHtml]: true };

const isHtml: unique symbol = Symbol('html');

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * A template that escapes its values, for text and for quoted attributes. Html values are inserted
 * as they are.
 */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | Html | readonly Html[])[]
): Html {
  let text = '';
  for (const [i, part] of parts.entries()) {
    text += part;
    if (i < values.length) text += textOf(values[i] ?? '');
  }
  return { text, [isHtml]: true };
}

function textOf(value: string | Html | readonly Html[]): string {
  if (typeof value === 'string') return escaped(value);
  return 'text' in value ? value.text : value.map(({ text }) => text).join('');
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
