import { Option, type Command } from 'commander';
import type { SettingOrigin } from '../server/settings.ts';
import { readToken, serverUrl, type GlobalOptions, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { openOutput, type Output } from './output.ts';
import { safeLine, table } from './terminal-text.ts';

type ConfigFlags = GlobalOptions & {
  readonly mode: 'dev' | 'serve' | 'worker';
  readonly config?: string;
};

export function addConfig(program: Command, shell: Shell): void {
  program
    .command('config')
    .description('show every setting with where its value came from')
    .addOption(
      new Option('--mode <mode>', 'of which command')
        .choices(['dev', 'serve', 'worker'])
        .default('serve'),
    )
    .option('-c, --config <file>', 'default: raincheck.config.ts (or .mts, .js, .mjs) here')
    .addHelpText('after', order)
    .action(async (...args: unknown[]) => {
      const flags = (args.at(-1) as Command).optsWithGlobals<ConfigFlags>();
      const { showConfig } = await import('../server/show-config.ts');
      const shown = await showConfig({ mode: flags.mode, config: flags.config });
      const client = clientOrigins(flags);
      const output = openOutput(flags);
      if (output.json) output.resultJson({ ...shown, client });
      else printConfig(output, { ...shown, client });
      shell.exitCode = exitCodes.ok.code;
    });
}

const order = `
A flag goes before a variable, a variable before the config file, the file before the default.
Secrets are shown as [set].
In a pipe: one setting a line, tab-separated: setting, value, where it came from.`;

/** Settings of the commands that talk to a server. */
function clientOrigins(flags: GlobalOptions): SettingOrigin[] {
  const fromUrl = flags.url === undefined ? variable('RAINCHECK_URL') : '--url';
  const fromToken = flags.tokenFile === undefined ? variable('RAINCHECK_TOKEN') : '--token-file';
  const hasToken = readToken(flags) !== undefined;
  return [
    { name: 'url', value: serverUrl(flags), from: fromUrl },
    { name: 'token', value: hasToken ? '[set]' : undefined, from: fromToken },
  ];
}

function variable(name: string): string {
  return (process.env[name] ?? '') === '' ? 'default' : name;
}

function printConfig(
  output: Output,
  p: {
    readonly mode: string;
    readonly file: string | null;
    readonly settings: readonly SettingOrigin[];
    readonly client: readonly SettingOrigin[];
  },
): void {
  const rows = [...p.client.map((one) => ({ ...one, name: `client ${one.name}` })), ...p.settings];
  const cells = rows.map(({ name, value, from }) => [name, textOf(value), from].map(safeLine));
  if (!output.resultIsSeen) return cells.forEach((row) => output.result(row.join('\t')));
  output.note(`raincheck ${p.mode}, config file: ${p.file ?? 'none here'}`);
  const columns = [{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'FROM' }];
  const [head = '', ...lines] = table(columns, cells, process.stdout.columns || 80);
  output.report(output.styleResult('dim', head));
  for (const line of lines) output.result(line);
}

function textOf(value: unknown): string {
  if (value === undefined) return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
