import { ESCAPES, escapeJob, outcomeText } from '../../tools/run-code/escape-attempts.ts';
import { codeLanguages } from '../../tools/run-code.ts';
import type { Finding } from './finding.ts';

const never = new AbortController().signal;

/**
 * Checks whether the sandboxes of `run_code` work on this machine. Tries everything that they
 * should reject.
 */
export async function codeSandboxes(path: readonly string[]): Promise<Finding> {
  const languages = codeLanguages({ path });
  const found: string[] = [];
  const open: string[] = [];
  for (const [language, run] of Object.entries(languages)) {
    const works = await run(escapeJob({ code: '1 + 1', expected: '2' }), never, '');
    if (outcomeText(works) !== '2') {
      found.push(`${language}: ${'fault' in works ? works.message || works.fault : works.result}`);
      continue;
    }
    const escapes = ESCAPES.filter((one) => one.language === language);
    for (const one of escapes) {
      const came = outcomeText(await run(escapeJob(one), never, ''));
      if (came !== one.expected) open.push(`${language}: ${one.name}`);
    }
    found.push(`${language}: ${escapes.length} escape attempts`);
  }
  return open.length === 0
    ? { check: 'code', ok: true, found: found.join('; ') }
    : {
        check: 'code',
        ok: false,
        found: `escapes not prevented: ${open.join('; ')}`,
        fix: `Disable run_code for all agents: update howdah.tools set is_active = false where name = 'run_code'`,
      };
}
