import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';

/** Limit for script and style together, as sent with compression. */
const gzipBytesMax = 60 * 1024;

/** Builds the dashboard into `outDir`. Throws when it has grown too large. */
export async function buildDashboard(outDir: string): Promise<void> {
  const configFile = path.join(import.meta.dirname, '../dashboard/vite.config.ts');
  const built = await build({
    configFile,
    logLevel: 'warn',
    build: { outDir: path.resolve(outDir) },
  });
  const files = [built].flat().flatMap((one) => ('output' in one ? one.output : []));
  const bytes = files.filter(isCode).reduce((sum, file) => sum + gzipSync(textOf(file)).length, 0);
  if (bytes <= gzipBytesMax) return;
  throw new Error(`The dashboard is ${bytes} bytes gzipped; at most ${gzipBytesMax} are allowed.`);
}

type File = Rolldown.OutputAsset | Rolldown.OutputChunk;

function isCode({ fileName }: File): boolean {
  return /\.(?:js|css)$/.test(fileName);
}

function textOf(file: File): string | Uint8Array {
  return file.type === 'chunk' ? file.code : file.source;
}
