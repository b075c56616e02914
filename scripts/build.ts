import { spawnSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { buildDashboard } from './build-dashboard.ts';
import { buildExample } from './build-example.ts';

/**
 * `npm run build` makes dist/ from src/ (JavaScript with its imports rewritten, and declarations),
 * dist/examples/reports/ from the packaged example, and dist/dashboard/ from dashboard/. It builds
 * beside the old dist/ and replaces that when everything is there, because a server may run from
 * it.
 */
const next = 'dist.next';
rmSync(next, { recursive: true, force: true });
compile('tsconfig.build.json');
await buildExample(`${next}/examples/reports`);
await buildDashboard(`${next}/dashboard`);
rmSync('dist', { recursive: true, force: true });
renameSync(next, 'dist');

function compile(project: string): void {
  const { status, stdout, stderr, error } = spawnSync('tsc', ['-p', project, '--outDir', next], {
    encoding: 'utf8',
  });
  if (status === 0) return;
  console.error(`tsc -p ${project}\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
  process.exit(1);
}
