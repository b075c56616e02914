import { main } from './program.ts';

/** The entry: bin/raincheck.js imports it, so importing it runs it. */
process.exitCode = await main(process.argv.slice(2));
