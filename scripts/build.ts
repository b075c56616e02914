import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { buildDashboard } from './build-dashboard.ts';

/**
 * `npm run build`: dist/ from src/ (JavaScript with its imports rewritten, and declarations), then
 * dist/examples/ from examples/: Node does not strip types inside node_modules, so an installed
 * package could not serve its own examples from the .ts files. Last dist/dashboard/ from dashboard/.
 */
rmSync('dist', { recursive: true, force: true });
compile('tsconfig.build.json');
compile('tsconfig.examples.json');
cpSync('examples/reports/sales.csv', 'dist/examples/reports/sales.csv');
await buildDashboard('dist/dashboard');

function compile(project: string): void {
  const { status, stdout, stderr, error } = spawnSync('tsc', ['-p', project], { encoding: 'utf8' });
  if (status === 0) return;
  console.error(`tsc -p ${project}\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
  process.exit(1);
}
