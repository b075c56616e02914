import process from 'node:process';

/**
 * Loaded into every server under test with --import: answers each message of the parent with the CPU time
 * this process has used, in ms over all its threads. The server itself knows nothing of it.
 */
process.on('message', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  process.send?.((userCPUTime + systemCPUTime) / 1000);
});
process.channel?.unref();
