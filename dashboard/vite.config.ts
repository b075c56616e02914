import { defineConfig, type Plugin } from 'vite';

/**
 * Builds the dashboard into dist/dashboard/. Addresses are relative to the `<base>` that the server
 * puts into the page, so that one build works under every prefix. `npx vite dashboard` serves it
 * with reloads during development, in front of a server at RAINCHECK_URL (default: the address of
 * `npm start`).
 */
export default defineConfig(({ command }) => ({
  root: import.meta.dirname,
  base: command === 'build' ? './' : '/dashboard/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: { conditions: ['raincheck-source', 'module', 'browser', 'import', 'default'] },
  plugins: [devBase],
  build: {
    outDir: '../dist/dashboard',
    emptyOutDir: true,
    target: 'es2023',
    cssTarget: 'chrome125',
    // The page may load only from 'self', so nothing is inlined as a data URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '^/(?!dashboard)': { target: process.env['RAINCHECK_URL'] ?? 'http://127.0.0.1:7333' },
    },
  },
}));

/** Adds what the server adds to the built page. */
const devBase: Plugin = {
  name: 'raincheck-base',
  apply: 'serve',
  transformIndexHtml: (page) => page.replace('<head>', '<head><base href="/dashboard/" />'),
};
