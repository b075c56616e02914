import { cpSync, globSync } from 'node:fs';
import path from 'node:path';
import { build, type Plugin } from 'vite';

const folder = path.join(import.meta.dirname, '../examples/reports');

/**
 * Builds the example that `raincheck dev` serves without a config from examples/reports/ into
 * `outDir`. Node strips no types inside node_modules, so an installed package could not serve the
 * .ts files. The validator is bundled, so that nobody has to install it. Each file stays a file,
 * because the thread of an isolated task imports the task's file.
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

/**
 * Only the PDF needs pdfkit, so the package does not depend on it. A handler that draws one without
 * it fails and says what to install.
 */
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
