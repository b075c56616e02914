import { defineConfig, type OxlintOverride } from 'oxlint';
import { layers, type Layer } from './layers.ts';

/** What makes a layer impure is held by no-restricted-globals; its imports by raincheck/layers. */
function pureLayerOverride(name: string, layer: Layer): OxlintOverride {
  const message = `src/${name} is pure: pass it in (layers.ts).`;
  const globals = (layer.forbiddenGlobals ?? []).map((global) => ({ name: global, message }));
  return {
    files: [`src/${name}/**/*.ts`],
    excludeFiles: ['**/*.{test,fixture}.ts'],
    rules: { 'no-restricted-globals': ['error', ...globals] },
  };
}

export default defineConfig({
  jsPlugins: ['./scripts/layer-rule.ts'],
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'node', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  env: { node: true, es2024: true },
  ignorePatterns: ['dist/**', 'bench/peers/**', 'coverage/**'],
  rules: {
    'raincheck/layers': 'error',
    eqeqeq: 'error',
    'no-var': 'error',
    'prefer-const': 'error',
    'no-console': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/ban-ts-comment': 'error',
    'typescript/only-throw-error': 'error',
    'import/no-cycle': 'error',
    'unicorn/prefer-node-protocol': 'error',
    'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    'max-params': ['error', { max: 3 }],
    // Off, each with its reason:
    'unicorn/require-post-message-target-origin': 'off', // windows have origins, threads have none
    'no-await-in-loop': 'off', // loops that await in order are meant
    'unicorn/no-array-sort': 'off', // sorting a fresh array in place is fine
    'unicorn/consistent-function-scoping': 'off', // closures near their use read better
    'typescript/consistent-return': 'off', // tsc knows exhaustive switches, this rule does not
    'oxc/no-async-endpoint-handlers': 'off', // Express 5 and Fastify take their rejections
    'no-shadow': 'off', // short names in nested callbacks are fine
    'no-underscore-dangle': 'off',
    'typescript/no-unsafe-type-assertion': 'off', // the border casts after it has checked
  },
  overrides: [
    ...Object.entries(layers)
      .filter(([, layer]) => layer.forbiddenGlobals !== undefined)
      .map(([name, layer]) => pureLayerOverride(name, layer)),
    {
      files: ['src/cli/**', 'scripts/**', 'bench/**', 'examples/**', 'test/**'],
      rules: { 'no-console': 'off' },
    },
    {
      // A client like any other, and a program for browsers.
      files: ['dashboard/**/*.{ts,tsx}'],
      excludeFiles: ['**/*.test.ts', 'dashboard/vite.config.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                regex: String.raw`^(?:raincheck$|raincheck/(?:store|testing)$|node:|(?:\.\./)+src/)`,
                message: 'The dashboard imports raincheck/client and nothing else of ours.',
              },
            ],
          },
        ],
      },
    },
    {
      // node:test's describe/it return promises that the runner owns; suites are long lists of cases.
      files: ['**/*.{test,fixture}.ts', 'test/**'],
      rules: {
        'typescript/no-floating-promises': 'off',
        'max-lines-per-function': 'off',
        'max-lines': 'off',
        'typescript/no-non-null-assertion': 'off',
      },
    },
    {
      // Made of cases as well, but shipped: as long as any other file of ours.
      files: ['src/testing/**'],
      rules: {
        'typescript/no-floating-promises': 'off',
        'typescript/no-non-null-assertion': 'off',
      },
    },
  ],
});
