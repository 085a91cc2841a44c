import { createHash } from 'node:crypto';
import { connectionForm, promptToConnect } from '../../contracts/account-question.ts';
import type { CallOutcome } from '../../contracts/agents/call-host.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { ConsentRequest } from '../../contracts/connected-account.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { answersTo, elicitationAnswer } from './call-host.ts';

/**
 * Returns the question that asks a person to connect an account, in place of the failure of a call
 * without one. The database answers it when the account is connected, and the call is made again.
 * If a person declines, or nobody answers in time, the failure reaches the model.
 */
export async function askToConnectAccount(
  failure: ToolOutcome & { ok: false },
  consent: ConsentRequest,
  call_id: string,
  run: HeldRun,
): Promise<CallOutcome> {
  const { account_id } = consent;
  const elicitation = createHash('sha256').update(`connect ${account_id}`).digest('hex');
  const last = answersTo(elicitation, call_id, run.state.steps_since_answer).at(-1);
  if (last && elicitationAnswer(last).action !== 'accept') {
    const message = `${failure.error.message}: nobody connected it`;
    return { ok: false, error: { code: 'rejected', message, retryable: false } };
  }
  return {
    asks: {
      elicitation,
      prompt: promptToConnect(consent, await consent.link()),
      ...connectionForm(account_id),
    },
  };
}
