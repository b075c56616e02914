import { formatDuration } from '../core/duration.ts';
import { RaincheckError } from '../core/errors.ts';
import type { ServerConfig } from './define-config.ts';
import {
  settingTable,
  type Mode,
  type Setting,
  type SettingName,
  type Settings,
} from './setting-table.ts';

/** Values given by flags; undefined: not given. */
export type Flags = { readonly [Key in SettingName]?: unknown };

type SettingSources = {
  readonly mode: Mode;
  readonly flags: Flags;
  readonly env: NodeJS.ProcessEnv;
  readonly config: Partial<ServerConfig>;
};

/**
 * Reads all settings. Throws `invalid_option` for the first value that does not fit, naming the
 * flag, the variable or the member of the config file; the value of a secret is not shown.
 */
export function readSettings(p: SettingSources): Settings {
  const names = Object.keys(settingTable) as SettingName[];
  return Object.fromEntries(names.map((name) => [name, readSetting(name, p).value])) as Settings;
}

/** A setting and the origin of its value: a flag, a variable, `config file` or `default`. */
export type SettingOrigin = {
  readonly name: string;
  /** undefined: no value. For secrets the text `[set]`. */
  readonly value: unknown;
  readonly from: string;
};

/** Reads all settings as readSettings does, with their origins, for a person to look at. */
export function settingOrigins(p: SettingSources): SettingOrigin[] {
  return (Object.keys(settingTable) as SettingName[]).map((name) => {
    const { value, from } = readSetting(name, p);
    return { name, value: shownValue(settingTable[name], value), from };
  });
}

function shownValue(setting: Setting<unknown>, value: unknown): unknown {
  const isEmpty = value === undefined || (Array.isArray(value) && value.length === 0);
  if (setting.secret === true && !isEmpty) return '[set]';
  return setting.isDuration === true ? formatDuration(Number(value)) : value;
}

function readSetting(name: SettingName, p: SettingSources): { value: unknown; from: string } {
  const setting: Setting<unknown> = settingTable[name];
  // A variable set to '' counts as not set, as shells and compose files mean it.
  const variable = setting.env.find((candidate) => (p.env[candidate] ?? '') !== '');
  const candidates = [
    { label: setting.flag ?? name, given: p.flags[name], from: setting.flag ?? name },
    { label: variable, given: variable && p.env[variable], from: variable ?? '' },
    {
      label: `\`${name}\` of the config file`,
      given: memberOf(p.config, name),
      from: 'config file',
    },
  ] as const;
  for (const { label, given, from } of candidates) {
    if (given === undefined) continue;
    const { value, why } = readOrWhy(setting, given);
    if (value !== null) return { value, from };
    const got = setting.secret === true ? '' : `, got ${JSON.stringify(given) ?? typeof given}`;
    throw new RaincheckError(
      'invalid_option',
      `${label}: expected ${setting.expected}${got}.${why}`,
    );
  }
  const { fallback } = setting;
  const value = typeof fallback === 'function' ? fallback(p.mode, p.env) : fallback;
  return { value, from: 'default' };
}

function readOrWhy(setting: Setting<unknown>, given: unknown): { value: unknown; why: string } {
  try {
    return { value: setting.read(given), why: '' };
  } catch (error) {
    if (!(error instanceof RaincheckError)) throw error;
    return { value: null, why: ` ${error.message}` };
  }
}

/** The member of the config that `name` leads to, like 'port' or 'webhooks.secret'. */
function memberOf(config: object, name: string): unknown {
  let value: unknown = config;
  for (const member of name.split('.')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined;
  }
  return value;
}
