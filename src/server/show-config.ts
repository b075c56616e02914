import { fileSettingOrigins } from './file-settings.ts';
import { exampleConfigFile, findConfig, loadConfig } from './load-config.ts';
import { storeLabel } from './open-store.ts';
import type { Mode } from './setting-table.ts';
import { readSettings, settingOrigins, type SettingOrigin } from './settings.ts';

/** The settings that a server started here would use. */
export type ShownConfig = {
  readonly mode: Mode;
  /** null: there is no config file here, and `dev` uses the example. */
  readonly file: string | null;
  readonly settings: readonly SettingOrigin[];
};

/**
 * The settings of `dev`, `serve` or `worker` in `folder`, each with its origin. Starts nothing.
 * Throws `invalid_option` for what a flag or variable may give as well, and for `webhooks`, as the
 * start would.
 */
export async function showConfig(p: {
  readonly mode: Mode;
  /** Path of the config file, as for --config. */
  readonly config?: string | undefined;
  readonly folder?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}): Promise<ShownConfig> {
  const { mode, env = process.env, folder = process.cwd() } = p;
  const file = findConfig({ given: p.config, folder });
  const isExample = file === null && mode === 'dev';
  const config =
    file === null && !isExample ? {} : (await loadConfig(file ?? exampleConfigFile())).config;
  const sources = { mode, flags: {}, env, config };
  const settings = settingOrigins(sources).map((one) => withoutPassword(one));
  const fileOnly = fileSettingOrigins({ config, settings: readSettings(sources) });
  return { mode, file, settings: [...settings, ...fileOnly] };
}

/**
 * Shows the store without its password, and names DATABASE_URL as the origin where the default came
 * from it.
 */
function withoutPassword(one: SettingOrigin): SettingOrigin {
  if (one.name !== 'store' || typeof one.value !== 'string') return one;
  const isPostgres = /^postgres/i.test(one.value);
  const from = one.from === 'default' && isPostgres ? 'DATABASE_URL' : one.from;
  return { name: one.name, value: storeLabel(one.value), from };
}
