import process from 'node:process';
import v8 from 'node:v8';
import vm from 'node:vm';

/**
 * Loaded with --import into every server under test, which does not know of it. It answers the
 * parent's message `cpu` with the CPU time of this process, in ms over all its threads, and
 * `memory` with its resident memory and the live part of its heap, in bytes, after a collection.
 */
process.on('message', (asked) => {
  if (asked === 'memory') {
    process.send?.(memory());
    return;
  }
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  process.send?.((userCPUTime + systemCPUTime) / 1000);
});
process.channel?.unref();

function memory(): { readonly rss: number; readonly live: number } {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, live: heapUsed + external };
}
