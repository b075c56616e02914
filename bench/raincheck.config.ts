import { defineConfig, defineTask } from 'raincheck';

/** A task that does nothing, so that only the work around it is measured. */
export default defineConfig({ tasks: [defineTask('noop', { run: () => null })] });
