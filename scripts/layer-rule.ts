import path from 'node:path';
import { entries, layers, type Layer } from '../layers.ts';

/**
 * The lint rule `raincheck/layers` checks every import in src/<layer>/ and src/*.ts against the
 * tables in layers.ts. It is our own rule because the patterns of no-restricted-imports have no
 * negation ("anything but").
 */
type Node = { readonly source: { readonly value: unknown } | null };
type Context = {
  readonly filename: string;
  report(descriptor: { node: unknown; message: string }): void;
};

const sourceRoot = path.join(import.meta.dirname, '..', 'src');

/** The error for importing `specifier` from `filename`, or null when the table allows it. */
export function layerViolation(filename: string, specifier: string): string | null {
  const [layerName, ...rest] = path.relative(sourceRoot, filename).split(path.sep);
  if (layerName === undefined || layerName === '..') return null;
  if (/\.(?:test|fixture)\.ts$/.test(filename)) return null;
  const layer = (rest.length === 0 ? entries : layers)[layerName];
  if (layer === undefined) return `src/${layerName} is neither a layer nor an entry of layers.ts.`;
  return specifier.startsWith('.')
    ? relativeViolation({ layer, layerName, filename, specifier })
    : packageViolation({ layer, layerName, specifier });
}

function relativeViolation(p: {
  layer: Layer;
  layerName: string;
  filename: string;
  specifier: string;
}): string | null {
  const target = path.relative(sourceRoot, path.resolve(path.dirname(p.filename), p.specifier));
  const [targetLayer, ...rest] = target.split(path.sep);
  if (targetLayer === p.layerName) return null;
  if (rest.length > 0 && p.layer.layers.includes(targetLayer ?? '')) return null;
  return `src/${p.layerName} may not import ${target}; only: ${p.layer.layers.join(', ') || 'no other layer'} (layers.ts).`;
}

function packageViolation(p: {
  layer: Layer;
  layerName: string;
  specifier: string;
}): string | null {
  if (p.specifier === 'raincheck' || p.specifier.startsWith('raincheck/')) {
    return 'Inside src/ import the file itself, not the published name (layers.ts).';
  }
  if (p.layer.packages === 'any') return null;
  const allowed = p.layer.packages.some(
    (name) => p.specifier === name || p.specifier.startsWith(`${name}/`),
  );
  if (allowed) return null;
  return `src/${p.layerName} may not import ${p.specifier}; only: ${p.layer.packages.join(', ') || 'no package'} (layers.ts).`;
}

function check(context: Context, node: Node): void {
  if (node.source === null || typeof node.source.value !== 'string') return;
  const message = layerViolation(context.filename, node.source.value);
  if (message !== null) context.report({ node: node.source, message });
}

const rule = {
  create(context: Context) {
    const visit = (node: Node): void => check(context, node);
    return {
      ImportDeclaration: visit,
      ExportNamedDeclaration: visit,
      ExportAllDeclaration: visit,
      ImportExpression: visit,
    };
  },
};

export default { meta: { name: 'raincheck' }, rules: { layers: rule } };
