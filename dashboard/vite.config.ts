import { defineConfig, type Plugin } from 'vite';

/**
 * Builds the dashboard into dist/dashboard/: addresses are relative to the `<base>` that the server puts into the page,
 * so that one build works under every prefix. `npx vite dashboard` serves it with reloads while one works on it, in
 * front of a server at RAINCHECK_URL (default the address of `npm start`).
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
    // Everything comes from 'self': nothing is put into the page as data.
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

/** What the server does for the built page. */
const devBase: Plugin = {
  name: 'raincheck-base',
  apply: 'serve',
  transformIndexHtml: (page) => page.replace('<head>', '<head><base href="/dashboard/" />'),
};
