import { useSignal, type Signal } from '@preact/signals';
import type { WireTask } from 'raincheck/client';
import { cliOf, curlOf, pythonOf, typescriptOf } from '../state/commands.ts';
import { bodyOf, plainUrl, urlOf, type TryDraft } from '../state/try.ts';
import { Code } from './code.tsx';
import { Panel } from './page.tsx';

const languages = ['curl', 'CLI', 'TypeScript', 'Python'] as const;
type Language = (typeof languages)[number];

/** The same request as commands for use elsewhere. */
export function TryCommands(p: { readonly task: WireTask; readonly draft: Signal<TryDraft> }) {
  const language = useSignal<Language>('curl');
  return (
    <Panel title="The same from elsewhere">
      <fieldset class="switch form-switch">
        <legend class="hidden-text">Language</legend>
        {languages.map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="language"
              checked={language.value === name}
              onChange={() => (language.value = name)}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      <Code
        text={commandIn(language.value, p.task, p.draft.value)}
        label={`the request in ${language.value}`}
      />
    </Panel>
  );
}

function commandIn(language: Language, task: WireTask, draft: TryDraft): string {
  const given = Object.entries(draft.options).filter(([, value]) => value !== '');
  const submission = {
    task: task.name,
    url: plainUrl(task),
    input: bodyOf(draft),
    options: Object.fromEntries(given),
    idempotencyKey: draft.idempotencyKey,
  };
  switch (language) {
    case 'curl': {
      const key = draft.idempotencyKey;
      const headers: Record<string, string> = key === '' ? {} : { 'idempotency-key': `"${key}"` };
      return curlOf({ url: urlOf(task, draft).href, body: submission.input, headers, shows: true });
    }
    case 'CLI':
      return cliOf(submission);
    case 'TypeScript':
      return typescriptOf(submission);
    case 'Python':
      return pythonOf(submission);
  }
}
