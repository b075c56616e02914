import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { entryNames } from './entry-names.ts';
import { publicNames, type PublicName } from './public-api.ts';

const manifest = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'),
) as { readonly exports: Readonly<Record<string, { readonly 'raincheck-source'?: string }>> };

/** By import specifier, like `raincheck/client`. */
const modules = new Map(
  Object.entries(manifest.exports).flatMap(([entry, { 'raincheck-source': source }]) =>
    source === undefined ? [] : [[path.join('raincheck', entry), path.normalize(source)] as const],
  ),
);
const planted = 'test/package/planted-entry.fixture.ts';
const found = publicNames([...modules.values(), planted]);

/**
 * Types that a public declaration names but users never have to: parts of another type, spelled out
 * there.
 */
const unnamed: Readonly<Record<string, string>> = {
  'Unit (src/core/duration.ts)': 'the units of Duration',
  'SchemaOutcome (src/engine/standard-schema.ts)': "Standard Schema's own",
  'StandardProps (src/engine/standard-schema.ts)': "Standard Schema's own",
  'FastifyScope (src/server/fastify.ts)': "Fastify's own, as much of it as is needed",
  'FastifyRequest (src/server/fastify.ts)': "Fastify's own, as much of it as is needed",
  'FastifyReply (src/server/fastify.ts)': "Fastify's own, as much of it as is needed",
  'Carried (src/client/task-types.ts)': 'how InputOf and OutputOf are computed',
  'Received (src/client/task-types.ts)': 'how OutputOf is computed',
  'TaskNamed (src/client/task-types.ts)': 'how InputOf and OutputOf are computed',
  'TasksOf (src/client/task-types.ts)': 'how TaskName is computed',
};

function namesIn(module: string | undefined): readonly PublicName[] {
  const names = found.get(module ?? '');
  assert.ok(names !== undefined && names.length > 0, `${module} exports nothing`);
  return names;
}

function undocumented(names: readonly PublicName[]): string[] {
  return names.filter((one) => !one.isDocumented).map((one) => one.declaration);
}

/** Types that `names` refer to and that none of `homes` exports. */
function unexported(names: readonly PublicName[], homes: readonly PublicName[]): string[] {
  const exported = new Set(homes.map((one) => one.declaration));
  return names.flatMap((one) =>
    one.names.filter((type) => !exported.has(type)).map((type) => `${type}, in ${one.name}`),
  );
}

describe('the entries of the package', () => {
  for (const [entry, module] of modules) {
    it(`${entry} exports what test/package/entry-names.ts says, and nothing else`, () => {
      const actual = namesIn(module).map(({ name }) => name);
      const expected = (entryNames[entry] ?? '').split(/\s+/).filter(Boolean);
      const news = actual.filter((name) => !expected.includes(name)).sort();
      const gone = expected.filter((name) => !actual.includes(name));
      assert.deepEqual(
        { news, gone },
        { news: [], gone: [] },
        `${entry} exports ${news.join(', ') || 'no name'} that test/package/entry-names.ts has not, and not ${gone.join(', ') || 'any name'} ` +
          `that it has. A name that is meant for users goes there, and into the docs; what is taken away breaks their programs.`,
      );
    });

    it(`${entry} has a doc comment on each thing it exports`, () => {
      assert.deepEqual(undocumented(namesIn(module)), []);
    });

    it(`${entry} names no type that its users cannot import`, () => {
      // raincheck/client stands alone, in a browser; other programs have all three.
      const beside =
        entry === 'raincheck/client' ? [] : ['raincheck', 'raincheck/client', 'raincheck/store'];
      const homes = [entry, ...beside].flatMap((home) => namesIn(modules.get(home)));
      const leaks = unexported(namesIn(module), homes);
      assert.deepEqual(
        leaks.filter((leak) => !Object.keys(unnamed).some((type) => leak.startsWith(type))),
        [],
      );
    });
  }

  it('are held by a look that finds what is wrong', () => {
    const names = namesIn(planted);
    assert.deepEqual(undocumented(names), [`Undocumented (${planted})`]);
    assert.deepEqual(unexported(names, names), [`Internal (${planted}), in Leaking`]);
  });

  it('still need every exception that is made', () => {
    const used = new Set(
      [...modules.values()].flatMap((module) => namesIn(module)).flatMap((one) => one.names),
    );
    assert.deepEqual(
      Object.keys(unnamed).filter((type) => !used.has(type)),
      [],
    );
  });
});
