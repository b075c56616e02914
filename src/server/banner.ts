import path from 'node:path';
import { styleText } from 'node:util';
import { formatDuration } from '../core/duration.ts';
import type { Task } from '../engine/task.ts';
import { commandName } from './command-name.ts';
import { isDashboardBuilt } from './dashboard-files.ts';
import { parseStoreAddress, storeLabel } from './open-store.ts';
import { sampleInput } from '../http/openapi/sample-input.ts';
import { settingTable, type Mode, type Settings } from './setting-table.ts';
import { inputWords } from './input-words.ts';
import { version } from './version.ts';

export type BannerFacts = {
  readonly mode: Mode;
  readonly settings: Settings;
  readonly tasks: readonly Task[];
  /** Address as clients on this machine write it, base path included. */
  readonly url: string;
  /** null: the tasks are those of the example. */
  readonly configFile: string | null;
  readonly folder: string;
  readonly readyMs: number;
  readonly ephemeral: boolean;
  /** Whether the dashboard is served. */
  readonly dashboard: boolean;
  /** Whether webhooks are sent. */
  readonly webhooks: boolean;
};

/** The address that the command line tries by default. */
const urlDefault = `http://${String(settingTable.host.fallback)}:${String(settingTable.port.fallback)}`;

/**
 * The text for a person when the server is up: where it is, which tasks it has, and what to type
 * next.
 */
export function banner(p: BannerFacts): string {
  const lines = [
    row(`${styleText('bold', `raincheck ${version}`)} ${p.mode}`, {
      note: `ready in ${formatDuration(p.readyMs)}`,
      width: 53 + styleText('bold', '').length,
    }),
    fact('API', styleText('cyan', p.url), ''),
    ...(p.dashboard
      ? [fact('Dashboard', styleText('cyan', `${p.url}/dashboard`), dashboardNote(p))]
      : []),
    ...(p.mode === 'dev'
      ? [fact('Inbox', styleText('cyan', `${p.url}/inbox`), 'catches webhooks you send to it')]
      : []),
    ...(p.mode === 'dev' ? [fact('API docs', styleText('cyan', `${p.url}/docs`), '')] : []),
    fact('Store', storeLabel(p.settings.store), storeNote(p)),
    fact('Tasks', taskNames(p.tasks), tasksNote(p)),
  ];
  if (p.mode === 'dev' && p.webhooks) {
    lines.push(fact('Webhooks', `${commandName()} listen`, 'receives them on this machine'));
  }
  if (p.mode === 'dev') lines.push('', ...tryIt(p));
  return `\n${lines.join('\n')}\n\n`;
}

function fact(name: string, value: string, note: string): string {
  return row(`${styleText('gray', name.padEnd(10))} ${value}`, { note, width: 53 });
}

/** A line whose note starts at a fixed column. The width is counted without colour codes. */
function row(text: string, p: { note: string; width: number }): string {
  const seen = text.replaceAll(/\u001b\[\d+m/g, '').length; // oxlint-disable-line no-control-regex -- colours
  const gap = ' '.repeat(Math.max(3, p.width - seen));
  return p.note === '' ? `  ${text}` : `  ${text}${gap}${styleText('gray', p.note)}`;
}

function dashboardNote({ settings, mode }: BannerFacts): string {
  if (!isDashboardBuilt()) return 'not built: npm run build';
  if (isSecured(settings)) return 'asks for a token';
  return mode === 'dev' ? 'this machine only, no login in dev' : '';
}

function isSecured({ token, tokens }: Settings): boolean {
  return token !== undefined || tokens.length > 0;
}

function storeNote(p: BannerFacts): string {
  const { kind } = parseStoreAddress(p.settings.store);
  if (kind === 'memory') return 'in memory, forgotten at the end';
  if (kind === 'postgres') return 'PostgreSQL';
  return p.mode === 'dev' ? 'SQLite, kept between starts (--ephemeral forgets)' : 'SQLite';
}

function tasksNote(p: BannerFacts): string {
  if (p.configFile === null) return "no raincheck.config.ts here, so: the example's tasks";
  return `from ${path.relative(p.folder, p.configFile)}`;
}

function taskNames(tasks: readonly Task[]): string {
  const names = tasks.map((task) => task.name);
  const shown = names.slice(0, 6).join('  ');
  return names.length > 6 ? `${shown}  and ${names.length - 6} more` : shown || 'none yet';
}

function tryIt(p: BannerFacts): string[] {
  const [first] = p.tasks;
  if (first === undefined) return [];
  const lines = ['Try it in a second terminal:'];
  const sample = sampleInput(first.inputJsonSchema);
  const input = JSON.stringify(sample).replaceAll("'", "'\\''");
  const auth = !isSecured(p.settings) ? '' : ` -H "authorization: Bearer $RAINCHECK_TOKEN"`;
  const server = p.url === urlDefault ? '' : ` --url ${p.url}`;
  if (p.tasks.some((task) => task.name === 'countdown')) {
    lines.push(`  ${commandName()} run countdown seconds:=20${server}`);
  } else {
    const words = [`${commandName()} run`, first.name, inputWords(sample)]
      .filter(Boolean)
      .join(' ');
    lines.push(`  ${words}${server}`);
  }
  lines.push(
    `  curl -i ${p.url}${first.path}${auth} -H 'content-type: application/json' -d '${input}'`,
  );
  return lines.map((line) => `  ${line}`);
}
