import { defineConfig, defineTask } from 'raincheck';

/** A task that does nothing: what is measured is everything around it. */
export default defineConfig({ tasks: [defineTask('noop', { run: () => null })] });
