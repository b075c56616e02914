import { cpSync, globSync } from 'node:fs';
import path from 'node:path';
import { build, type Plugin } from 'vite';

const folder = path.join(import.meta.dirname, '../examples/reports');

/**
 * `outDir` from examples/reports/: what `raincheck dev` serves where there is no config. Node strips no types inside
 * node_modules, so an installed package could not serve the .ts files; and as their validator is put in, nobody has to
 * install it. Each file stays a file: an isolated task is imported in its thread by its own.
 */
export async function buildExample(outDir: string): Promise<void> {
  const files = globSync('*.ts', { cwd: folder, exclude: ['*.test.ts', 'make-sales.ts'] });
  await build({
    configFile: false,
    logLevel: 'warn',
    ssr: { noExternal: true },
    plugins: [pdfkitIfThere],
    build: {
      ssr: true,
      outDir: path.resolve(outDir),
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      rolldownOptions: {
        input: Object.fromEntries(
          files.map((file) => [path.parse(file).name, path.join(folder, file)]),
        ),
        external: ['raincheck'],
        output: {
          entryFileNames: '[name].js',
          chunkFileNames: '[name].js',
          codeSplitting: { groups: [{ name: 'zod', test: /node_modules.zod/ }] },
        },
      },
    },
  });
  cpSync(path.join(folder, 'sales.csv'), path.join(outDir, 'sales.csv'));
}

/** Only the PDF needs pdfkit, so it is no dependency of the package; who wants one is told. */
const pdfkitIfThere: Plugin = {
  name: 'raincheck-pdfkit-if-there',
  enforce: 'pre',
  resolveId(id, importer) {
    if (id !== 'pdfkit') return null;
    return importer === askForPdfkit ? { id, external: true } : askForPdfkit;
  },
  load: (id) => (id === askForPdfkit ? askForPdfkitCode : null),
};

const askForPdfkit = '\0ask-for-pdfkit';
const askForPdfkitCode = `
  import { TaskError } from 'raincheck';
  const { default: PDFDocument } = await import('pdfkit').catch((cause) => {
    if (cause.code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new TaskError(
      'Drawing the PDF needs the package pdfkit, which is not installed. Run \`npm install pdfkit\` and start again.',
      { cause, retryable: false },
    );
  });
  export default PDFDocument;
`;
