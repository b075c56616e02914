import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from './chromium.ts';
import { until } from '../../src/testing/until.fixture.ts';
import { findChromium, noChromium } from './find-chromium.ts';
import { startSite, type Site } from './site.ts';
import { openPage } from './watched-page.ts';

const executable = findChromium();

/** What people do with the dashboard, in a real browser, on a real server below a prefix. */
describe('the dashboard', { skip: executable === null && noChromium }, () => {
  let browser: Browser;
  let site: Site;

  before(async () => {
    browser = await launchChromium(executable ?? '');
    site = await startSite({ basePath: '/a/b' });
  });
  after(async () => {
    await browser.close();
    await site[Symbol.asyncDispose]();
  });

  async function opened(path: string) {
    const watched = await openPage(browser);
    await watched.page.goto(site.url + path);
    return watched;
  }

  it('submits from Try it and shows the progress without a reload', async () => {
    await using watched = await opened('try/steps');
    const { page } = watched;
    await page.getByLabel('count').fill('2');
    await page.getByRole('button', { name: 'Submit' }).click();
    await page.getByText('HTTP/1.1 202').waitFor();
    await page.locator('.followed[data-status=processing]').waitFor();
    await page.locator('.followed').getByText('step 1').waitFor();
    site.step();
    await page.locator('.followed').getByText('step 2').waitFor();
    site.step();
    await page.locator('.followed[data-status=completed]').waitFor();
    await page.locator('.followed').getByText('"steps"').waitFor();
    watched.assertQuiet();
  });

  for (const basePath of ['', '/dashboard', '/a/b']) {
    it(`has every view below the prefix '${basePath}', by its links and by its address`, async () => {
      await using own = await startSite({ basePath });
      const { id } = await own.client.submit('noop', {});
      await own.client.operation(id).wait();
      await using watched = await openPage(browser);
      const { page } = watched;
      await page.goto(own.url);
      const names = ['Operations', 'Failures', 'Webhooks', 'Tasks', 'Workers', 'Try it'];
      for (const name of ['Overview', ...names]) {
        await page
          .getByRole('navigation', { name: 'Views' })
          .getByRole('link', { name, exact: true })
          .click();
        await page.locator('h1').getByText(name, { exact: true }).waitFor();
        assert.ok(page.url().startsWith(own.url), page.url());
        await page.reload();
        await page.locator('h1').getByText(name, { exact: true }).waitFor();
      }
      await page.goto(`${own.url}operations/${id}`);
      await page.locator('h1').getByText('Completed').waitFor();
      watched.assertQuiet();
    });
  }

  it('says which member of an input does not fit', async () => {
    await using watched = await opened('try/steps');
    const { page } = watched;
    await page.getByLabel('count').fill('99');
    await page.getByRole('button', { name: 'Submit' }).click();
    await page.getByText('HTTP/1.1 422').waitFor();
    assert.equal(await page.getByLabel('count').getAttribute('aria-invalid'), 'true');
  });

  it('opens the PDF of a report', async () => {
    await using watched = await opened('try/reports');
    const { page } = watched;
    await page.getByRole('button', { name: 'Submit' }).click();
    const link = page.getByRole('link', { name: 'Open the result' });
    await Promise.all([page.waitForEvent('popup'), link.click()]);
    const response = await page.request.get(await hrefOf(page));
    assert.equal(response.headers()['content-type'], 'application/pdf');
    assert.equal((await response.body()).subarray(0, 5).toString(), '%PDF-');
    watched.assertQuiet();
  });

  it('cancels what runs', async () => {
    const { id } = await site.client.submit('steps', { count: 3 });
    await using watched = await opened(`operations/${id}`);
    const { page } = watched;
    await page.locator('h1').getByText('Running').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.locator('h1').getByText('Cancelled').waitFor();
    watched.assertQuiet();
  });

  it('retries with an edited input as a new operation that names the old one', async () => {
    const failed = await site.client.submit('picky', { good: false });
    await failed.wait();
    await using watched = await opened(`operations/${failed.id}`);
    const { page } = watched;
    await page.getByRole('button', { name: 'Edit and retry' }).click();
    const field = page.getByRole('dialog').getByLabel('Input');
    await field.fill('{"good": true}');
    await page.getByRole('button', { name: 'Run it' }).click();
    await page.locator('h1').getByText('Completed').waitFor();
    await page.locator(`.facts a[href="operations/${failed.id}"]`).waitFor();
    watched.assertQuiet();
  });

  it('sends a stored value again that it was never shown', async () => {
    const failed = await site.client.submit('picky', { good: false, key: 's3cret' });
    await failed.wait();
    await using watched = await opened(`operations/${failed.id}?tab=input`);
    const { page } = watched;
    await page.locator('.tab-body').getByText('"[redacted]"').waitFor();
    await page
      .locator('.tab-body')
      .getByText(/The task redacts input\.key\b/)
      .waitFor();
    await page.getByRole('button', { name: 'Edit and retry' }).click();
    const field = page.getByRole('dialog').getByLabel('Input');
    await page.getByRole('dialog').getByText('the stored value is used').waitFor();
    // The sentence comes with the task; the input comes by a request of its own.
    const shown = await until('the input is shown', () => field.inputValue());
    assert.deepEqual(JSON.parse(shown), { good: false, key: '[redacted]' });
    await field.fill(shown.replace('false', 'true'));
    await page.getByRole('button', { name: 'Run it' }).click();
    await page.locator('h1').getByText('Completed').waitFor();
    const result = await site.client.operation(page.url().split('/').at(-1) ?? '').result();
    assert.deepEqual(result, { good: true, keyChars: 's3cret'.length });
    watched.assertQuiet();
  });

  it('shows the log as it is written, the newest of it, and says what it leaves out', async () => {
    const { id } = await site.client.submit('chatty', { lines: 150, steps: 3 });
    await using watched = await opened(`operations/${id}?tab=logs`);
    const { page } = watched;
    const log = page.getByRole('region', { name: 'The log' });
    await log.getByText('step 0 is done').waitFor();
    await log.locator('.log-level.tone-warn').getByText('warn').waitFor();
    await log.locator('.log-level.tone-bad').getByText('error').waitFor();
    await log.getByText('Attempt 1').waitFor();
    const box = (does: string): Promise<number> =>
      page.evaluate<number>(`(box => box.${does})(document.querySelector('.log'))`);
    const atEnd = async (): Promise<void> => {
      while ((await box('scrollHeight - box.scrollTop - box.clientHeight')) > 1) continue;
    };
    await atEnd();
    site.step();
    await log.getByText('step 1 is done').waitFor();
    await atEnd();
    assert.equal(await page.getByLabel('Follow').isChecked(), true);
    await box('scrollTo(0, 0)');
    await page.locator('.log-follow input:not(:checked)').waitFor();
    site.step();
    await log.getByText('step 2 is done').waitFor();
    assert.equal(await box('scrollTop'), 0, 'who reads is left alone');
    assert.equal(await page.getByText('left out here').count(), 0);
    watched.assertQuiet();
    site.hangUp();
    site.step();
    await page.locator('h1').getByText('Completed').waitFor();
    await log.getByText('step 3 is done').waitFor();
    await page.getByText(`${3 + 4 * 151 - 500} older lines left out here`).waitFor();
    assert.equal(await log.locator('li').count(), 500);
    assert.equal(await page.getByLabel('Follow').count(), 0);
  });

  it('removes a kind of failures, after it has counted them and said what that means', async () => {
    await using own = await startSite({});
    for (let i = 0; i < 3; i += 1) await (await own.client.submit('picky', { good: false })).wait();
    await (await own.client.submit('flaky', { failures: 9 })).wait();
    await using watched = await openPage(browser);
    const { page } = watched;
    await page.goto(`${own.url}dead-letters`);
    const group = page.locator('.groups li').filter({ hasText: 'This input is no good' });
    await group.getByRole('button', { name: 'Remove…' }).click();
    await page.getByRole('dialog').getByText('Nobody can read them').waitFor();
    await page.getByRole('button', { name: 'Remove 3 operations' }).click();
    await page.locator('h1').getByText('Completed').waitFor();
    await page.goto(`${own.url}dead-letters`);
    await page.locator('.groups li').first().waitFor();
    assert.equal(await group.count(), 0);
    assert.equal(await page.locator('.groups li').count(), 1);
    watched.assertQuiet();
  });

  it('removes what completed, and then says why a number leads to an empty list', async () => {
    await using own = await startSite({});
    for (let i = 0; i < 3; i += 1) await (await own.client.submit('noop', { i })).wait();
    await using watched = await openPage(browser);
    const { page } = watched;
    await page.goto(`${own.url}operations`);
    await page.locator('tr[data-id]').nth(2).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Remove all…' }).count(), 0);
    await page.goto(`${own.url}tasks`);
    const row = page.locator('tr').filter({ hasText: 'noop' });
    await row.getByRole('link', { name: '3', exact: true }).click();
    await page.getByRole('button', { name: 'Remove all…' }).click();
    await page.getByRole('dialog').getByText('Nobody can read them or their results').waitFor();
    await page.getByRole('button', { name: 'Remove 3 operations' }).click();
    await page.locator('h1').getByText('Completed').waitFor();
    await page.goto(`${own.url}tasks`);
    await row.getByRole('link', { name: '3', exact: true }).click();
    await page.getByText('None is kept any more').waitFor();
    await page.getByText('3 operations have completed so far.').waitFor();
    watched.assertQuiet();
  });

  it('retries 300 failed ones that a filter finds, after it has counted them', async () => {
    const submitted = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        site.client.submit('picky', { good: false, batch: i }, { labels: { run: 'bulk' } }),
      ),
    );
    await Promise.all(submitted.map((operation) => operation.wait()));
    await using watched = await opened('operations');
    const { page } = watched;
    await page.getByRole('button', { name: 'Live' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('status:failed label.run:bulk');
    await page.keyboard.press('Enter');
    await page.waitForURL(/label\.run/);
    await page.locator('tr[data-id]').nth(49).waitFor();
    await page.getByRole('button', { name: 'Retry all' }).click();
    assert.equal(await page.locator('dialog .figure').textContent(), '300');
    await page.getByRole('button', { name: 'Retry 300 operations' }).click();
    await page.locator('h1').getByText('Completed').waitFor();
    await page.getByText('"changed"').waitFor();
    const { result } = await site.client.operation(idIn(page.url())).status();
    assert.deepEqual(result, { matched: 300, changed: 300, skipped: 0, failed: 0 });
    watched.assertQuiet();
  });

  it('finds members and labels as they are written, and says which one is redacted', async () => {
    const labels = { tenantId: 'Acme' };
    const { id } = await site.client.submit('noop', { userId: 42 }, { labels });
    await using watched = await opened('operations');
    const { page } = watched;
    const search = page.getByLabel('Search operations');
    await search.fill('input.userId:42 Label.tenantId:Acme');
    await search.press('Enter');
    await page.locator(`tr[data-id=${id}]`).waitFor();
    watched.assertQuiet();
    await search.fill('task:picky input.apiKey:s3cret');
    await search.press('Enter');
    await page.getByRole('alert').getByText('input.apiKey').waitFor();
    assert.equal(await page.getByText('Nothing fits').count(), 0);
  });

  it('gives up a kind of dead letters only after it has counted them', async () => {
    await using own = await startSite({ pauses: ['10ms'] });
    const webhookUrl = `${own.receiver.origin}/dead`;
    for (let i = 0; i < 2; i += 1) await own.client.submit('noop', {}, { webhookUrl });
    await using watched = await openPage(browser);
    const { page } = watched;
    await page.goto(`${own.url}dead-letters?kind=webhooks`);
    const group = page.locator('.groups li').filter({ hasText: 'http_503' });
    await group.locator('.group-count').getByText('2', { exact: true }).waitFor();
    await group.getByRole('button', { name: 'Discard…' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    assert.equal((await own.client.webhooks.deadLetters()).deliveries.length, 2);
    await group.getByRole('button', { name: 'Discard…' }).click();
    await page.getByRole('button', { name: 'Discard 2 webhooks' }).click();
    await page.locator('h1').getByText('Completed').waitFor();
    assert.equal((await own.client.webhooks.deadLetters()).deliveries.length, 0);
    watched.assertQuiet();
  });

  it('lists every attempt, the one that worked too, and counts no finished ones on the tabs', async () => {
    const { id } = await site.client.submit('flaky', { failures: 1 });
    await site.client.operation(id).wait();
    await using watched = await opened(`operations/${id}?tab=attempts`);
    const { page } = watched;
    const attempts = page.locator('.attempts li');
    await attempts.nth(1).waitFor();
    assert.deepEqual(
      (await attempts.allTextContents()).map((text) => /^Attempt \d \w+/.exec(text)?.[0]),
      ['Attempt 1 failed', 'Attempt 2 completed'],
    );
    await attempts
      .first()
      .getByText(/; the next [\d.]+ m?s later$/)
      .waitFor();
    await page.getByRole('link', { name: 'Attempts 2' }).waitFor();
    await page.getByRole('link', { name: 'Operations' }).first().click();
    await page.getByRole('link', { name: /^Waiting ?\d/ }).waitFor();
    const tabs = page.getByRole('navigation', { name: 'By state' });
    assert.deepEqual((await tabs.getByRole('link').allTextContents()).slice(3), [
      'Completed',
      'Failed',
    ]);
    watched.assertQuiet();
  });

  it('cancels the rows that were picked', async () => {
    const waiting = await Promise.all(
      [1, 2].map(() => site.client.submit('noop', {}, { delay: '1h', labels: { pick: 'me' } })),
    );
    await using watched = await opened('operations?q=label.pick%3Ame');
    const { page } = watched;
    for (const { id } of waiting) await page.getByLabel(`Select ${id}`).check();
    await page.getByRole('button', { name: 'Cancel 2' }).click();
    for (const { id } of waiting) {
      await page.locator(`tr[data-id=${id}]`).getByText('Cancelled').first().waitFor();
    }
    watched.assertQuiet();
  });

  it('tells why a webhook waits, and resends it', async () => {
    const webhookUrl = `${site.receiver.origin}/done`;
    const { id } = await site.client.submit('noop', {}, { webhookUrl });
    await using watched = await opened(`operations/${id}?tab=webhooks`);
    const { page } = watched;
    await page.getByRole('link', { name: 'operation.completed' }).click();
    await page.getByText('HTTP 503').waitFor();
    await page
      .getByText(/schedule step/)
      .first()
      .waitFor();
    site.heal();
    await page.getByRole('button', { name: 'Resend' }).click();
    await page.locator('h1').getByText('Delivered').waitFor();
    watched.assertQuiet();
  });

  it('tells two endpoints with one address apart, and says in full why they wait on a phone', async () => {
    await using own = await startSite();
    const url = `${own.receiver.origin}/the-hooks-of-a-receiver-with-a-long-name`;
    for (const event of ['completed', 'failed'] as const) {
      await own.client.webhooks.createEndpoint({ url, events: [`operation.${event}`] });
    }
    for (let i = 0; i < 5; i += 1) await own.client.run('noop', { i });
    await until(
      'the circuit is open',
      () => own.client.webhooks.endpoints(),
      ({ endpoints }) => endpoints.some(({ health }) => health.circuit === 'open'),
    );
    await using watched = await openPage(browser, { viewport: { width: 390, height: 900 } });
    const { page } = watched;
    await page.goto(`${own.url}webhooks/endpoints`);
    const row = page.locator('tbody tr').filter({ hasText: 'operation.completed' });
    await page.locator('tbody tr').filter({ hasText: 'operation.failed' }).waitFor();
    const cut = `[...document.querySelectorAll('.cut')].filter(
      (one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)`;
    await row.getByText(/circuit open after \d+ failures/).waitFor();
    assert.deepEqual(await page.evaluate<string[]>(cut), []);
    await row.getByRole('link').click();
    await page
      .locator('.facts')
      .getByText(/circuit open after \d+ failures/)
      .waitFor();
    assert.deepEqual(await page.evaluate<string[]>(cut), []);
    watched.assertQuiet();
  });

  it('counts a cancelled operation apart from those that failed', async () => {
    await using own = await startSite();
    const waiting = await own.client.submit('noop', {}, { delay: '1h' });
    await own.client.operation(waiting.id).cancel();
    await (await own.client.submit('picky', { good: false })).wait();
    for (let i = 0; i < 3; i += 1) await own.client.run('noop', { i });
    await using watched = await openPage(browser);
    const { page } = watched;
    await page.goto(own.url);
    const card = page.locator('.figure-card').filter({ hasText: 'Failed in 1h' });
    await card.getByText('25 % of what finished, besides 1 cancelled').waitFor();
    assert.equal(await card.locator('.figure').textContent(), '1');
    watched.assertQuiet();
  });

  it('pauses a task and lets it go on', async () => {
    await using watched = await opened('tasks/noop');
    const { page } = watched;
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.locator('h1').getByText('Paused').waitFor();
    assert.equal((await site.client.task('noop')).paused, true);
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    assert.equal((await site.client.task('noop')).paused, false);
    watched.assertQuiet();
  });

  it('registers an endpoint, shows its secret once, and sends a test to it', async () => {
    await using watched = await opened('webhooks/endpoints');
    const { page } = watched;
    await page.getByRole('button', { name: 'New endpoint' }).click();
    await page.getByLabel('Address').fill(`${site.receiver.origin}/registered`);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByText(/^whsec_/).waitFor();
    await page.getByRole('button', { name: 'I have it' }).click();
    site.heal();
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.locator('.panel').getByText('Delivered').first().waitFor();
    watched.assertQuiet();
  });

  it('lets every click hit the row it was aimed at while 20 new ones come a second', async () => {
    await Promise.all(Array.from({ length: 60 }, () => site.client.submit('noop', {})));
    await using watched = await opened('operations');
    const { page } = watched;
    using _flood = flood(site);
    let hits = 0;
    for (let round = 0; round < 12; round += 1) {
      await page.locator('tr[data-id]').nth(30).waitFor();
      const row = page.locator('tr[data-id]').nth(round * 2);
      const aimed = await row.getAttribute('data-id');
      await row.scrollIntoViewIfNeeded();
      const box = await row.boundingBox();
      assert.ok(box !== null);
      // A person takes as long to press as some rows take to arrive.
      await page.locator('.pill', { hasText: /^\s*(?:[4-9]|\d{2,}) new/ }).waitFor();
      await page.mouse.click(box.x + 400, box.y + box.height / 2);
      await page.waitForURL(/operations\/op_/);
      if (idIn(page.url()) === aimed) hits += 1;
      await page.goBack();
    }
    assert.equal(hits, 12);
    await page.locator('.pill').click();
    watched.assertQuiet();
  });

  it('holds still while it is paused, and catches up', async () => {
    await using watched = await opened('operations?q=label.hold%3Astill');
    const { page } = watched;
    await page.getByRole('button', { name: 'Live' }).click();
    const { id } = await site.client.submit('noop', {}, { labels: { hold: 'still' } });
    await site.client.operation(id).wait();
    assert.equal(await page.locator(`tr[data-id=${id}]`).count(), 0);
    await page.getByRole('button', { name: 'Paused' }).click();
    await page.locator(`tr[data-id=${id}]`).getByText('Completed').waitFor();
    await page.getByRole('button', { name: 'Live' }).waitFor();
    watched.assertQuiet();
  });

  it('says that the connection is lost, and catches up when it is back', async () => {
    const { id } = await site.client.submit('steps', { count: 1 });
    await using watched = await opened(`operations/${id}`);
    const { page } = watched;
    await page.getByRole('button', { name: 'Live' }).waitFor();
    site.hangUp();
    await page.getByRole('button', { name: 'Reconnecting' }).waitFor();
    await site.client.operation(id).cancel();
    await page.locator('h1').getByText('Cancelled').waitFor();
    await page.getByRole('button', { name: 'Live' }).waitFor();
  });

  it('gives commands that do the same from elsewhere', async () => {
    await using watched = await opened('try/picky');
    const { page } = watched;
    await page.getByLabel('good').selectOption('true');
    await page.getByText('Options').click();
    await page.getByLabel('Labels').fill("who=it's");
    await page.getByLabel('Priority').fill('5');
    for (const language of ['curl', 'CLI', 'TypeScript']) {
      await page.getByLabel('Idempotency-Key').fill(`it is ${language}`);
      await page.getByRole('radio', { name: language }).check();
      const command = await page.getByLabel(`the request in ${language}`).first().innerText();
      const { stdout, stderr } = await runAs(language, command);
      assert.match(stdout, /"?good"?: ?true|202 Accepted/, `${command}\n${stdout}\n${stderr}`);
    }
    const { operations } = await site.client.list({ labels: { who: "it's" } });
    assert.deepEqual(
      operations.map(({ task, priority }) => [task, priority]),
      Array.from({ length: 3 }, () => ['picky', 5]),
    );
    watched.assertQuiet();
  });

  it('asks for a token, keeps it for the tab, and offers only what it allows', async () => {
    await using secured = await startSite({
      token: 'all-of-it-0123456789abcdef',
      tokens: [
        { name: 'looker', token: 'only-look-0123456789abcdef', scopes: ['read'] },
        { name: 'sender', token: 'only-send-0123456789abcdef', scopes: ['submit'] },
      ],
    });
    const { id } = await secured.client.submit('picky', { good: false });
    await secured.client.operation(id).wait();
    await using watched = await openPage(browser);
    const { page } = watched;
    await page.goto(`${secured.url}operations/${id}`);
    await page.getByLabel('Token').fill('wrong-0123456789abcdef');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('does not take the token').waitFor();
    await page.getByLabel('Token').fill('only-look-0123456789abcdef');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('h1').getByText('Failed').waitFor();
    await page.getByText('looker').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Retry' }).count(), 0);
    assert.equal(await page.getByRole('link', { name: 'Try it' }).count(), 0);
    await page.reload();
    await page.locator('h1').getByText('Failed').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').fill('only-send-0123456789abcdef');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Submit' }).click();
    await page.getByText('HTTP/1.1 202').waitFor();
    assert.equal(await page.getByRole('link', { name: 'Operations' }).count(), 0);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').fill('all-of-it-0123456789abcdef');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Edit and retry' }).waitFor();
  });
});

const root = path.join(import.meta.dirname, '../..');

/** Runs the displayed command, with the sources in place of the installed package. */
async function runAs(language: string, command: string) {
  const node = [
    process.execPath,
    '--conditions=raincheck-source',
    '--disable-warning=ExperimentalWarning',
  ];
  const npx = `npx() { shift; '${node.join("' '")}' src/cli/main.ts "$@"; }`;
  const [file = '', ...args] =
    language === 'TypeScript'
      ? [...node, '--input-type=module-typescript', '--eval', command]
      : ['bash', '-c', `${npx}\n${command}`];
  return promisify(execFile)(file, args, { cwd: root });
}

function idIn(url: string): string {
  return /op_\w{26}/.exec(url)?.[0] ?? '';
}

async function hrefOf(page: Page): Promise<string> {
  const href = await page.getByRole('link', { name: 'Open the result' }).getAttribute('href');
  return new URL(href ?? '', page.url()).href;
}

/** 20 new operations a second, until disposed. */
function flood({ client }: Site): Disposable {
  const timer = setInterval(() => void client.submit('noop', {}), 50);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
