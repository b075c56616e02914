import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { median } from './statistics.ts';
import type { Pair, Sample } from './scenarios.ts';
import { verdict, type Target } from './targets.ts';

/** One line of the result: our figures, and the ratio to those of the other server. */
export type Line = {
  readonly scenario: string;
  readonly ours: Sample;
  readonly other: Sample | null;
  /** Median over the rounds of ours / other, in operations per second. */
  readonly ratio: number | null;
  /** The same ratio for CPU per operation; smaller is better. */
  readonly cpuRatio: number | null;
  readonly targets: readonly Target[];
  readonly rounds: readonly Pair[];
  /** Facts for which there is no column, printed below the line. */
  readonly notes?: readonly string[];
};

export function pairedLine(
  scenario: string,
  rounds: readonly Pair[],
  targets: readonly Target[] = [],
): Line {
  return {
    scenario,
    targets,
    ours: medianSample(rounds.map((round) => round.ours)),
    other: medianSample(rounds.map((round) => round.other)),
    ratio: median(rounds.map(({ ours, other }) => ours.perSecond / other.perSecond)),
    cpuRatio: median(rounds.map(({ ours, other }) => ours.cpuMs / other.cpuMs)),
    rounds,
  };
}

export function soloLine(scenario: string, ours: Sample, targets: readonly Target[] = []): Line {
  return { scenario, targets, ours, other: null, ratio: null, cpuRatio: null, rounds: [] };
}

function medianSample(samples: readonly Sample[]): Sample {
  const of = (member: keyof Sample) => median(samples.map((sample) => sample[member]));
  return {
    count: samples.reduce((sum, sample) => sum + sample.count, 0),
    perSecond: of('perSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    cpuMs: of('cpuMs'),
  };
}

const columns = [
  ['scenario', 44],
  ['ops/s', 9],
  ['p50 ms', 9],
  ['p99 ms', 9],
  ['CPU ms/op', 11],
  ['beside', 9],
  ['CPU', 8],
  ['ratio', 8],
  ['CPU ratio', 11],
  ['  targets', 10],
] as const;

export function tableHead(): string {
  return columns.map(([name, width], i) => pad(name, width, i === 0)).join('');
}

export function tableRow(line: Line): string {
  const cells = [
    line.scenario,
    fixed(line.ours.perSecond, 0),
    fixed(line.ours.p50Ms, 2),
    fixed(line.ours.p99Ms, 2),
    fixed(line.ours.cpuMs, 3),
    fixed(line.other?.perSecond, 0),
    fixed(line.other?.cpuMs, 3),
    fixed(line.ratio, 2),
    fixed(line.cpuRatio, 2),
    `  ${line.targets.map((target) => verdict(target, figureOf(line, target))).join(', ')}`,
  ];
  const row = cells
    .map((cell, i) => pad(cell, columns[i]?.[1] ?? 10, i === 0))
    .join('')
    .trimEnd();
  return [row, ...(line.notes ?? []).map((note) => `  ${note}`)].join('\n');
}

function figureOf({ ours, ratio }: Line, { figure }: Target): number | null {
  return figure === 'ratio' ? ratio : ours[figure];
}

function pad(text: string, width: number, left: boolean): string {
  return left || text.startsWith('  ') ? text.padEnd(width) : text.padStart(width);
}

function fixed(n: number | null | undefined, digits: number): string {
  return n === null || n === undefined || Number.isNaN(n) ? '-' : n.toFixed(digits);
}

/** Writes the result with all its rounds to `directory` and returns the path. */
export function writeResult(p: {
  readonly directory: string;
  readonly settings: object;
  readonly lines: readonly Line[];
}): string {
  const date = new Date().toISOString();
  const result = { date, ...origin(), settings: p.settings, lines: p.lines };
  mkdirSync(p.directory, { recursive: true });
  const file = path.join(p.directory, `${date.replaceAll(':', '-').slice(0, 19)}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

/** The machine, Node and commit of the figures. */
export function origin() {
  const cpus = os.cpus();
  return {
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+'),
    node: process.version,
    sqlite: process.versions['sqlite'] ?? null,
    machine: {
      cpu: cpus[0]?.model ?? 'unknown',
      cores: cpus.length,
      memoryGiB: Math.round(os.totalmem() / 2 ** 30),
      system: `${os.type()} ${os.release()} ${os.arch()}`,
      loadAverage: os.loadavg().map((n) => Math.round(n * 100) / 100),
    },
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, {
      encoding: 'utf8',
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
