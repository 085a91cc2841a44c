import type { LoggedMessage, Message } from '../../../src/contracts/runs/message.ts';
import { buildMessages } from '../../../src/runtime/messages/build-messages.ts';
import { type FitOptions, fitWindow } from '../../../src/runtime/messages/context-window.ts';
import { callMessage, numberMessages, result, summary, user } from './conversations.ts';

export const system: Message = { role: 'system', content: 'You help.' };
export const longText = (name: string, tokens = 100) => `${name} ${'x'.repeat(tokens * 4)}`;
export const trimTo = (
  contextTokens: number | null,
  rest: Partial<FitOptions> = {},
): FitOptions => {
  return { contextTokens, reserve: 0, toolTokens: 0, policy: 'trim', ...rest };
};
export const namesOf = (messages: readonly Message[]) =>
  messages.map(({ content, tool_calls }) =>
    (content ?? tool_calls?.map(({ id }) => id).join() ?? '').replace(/ x+$/, ''),
  );

/** Returns a task and `rounds` answers that call a tool, each with a result of about 100 tokens. */
export function makeToolRounds(rounds: number, tokens = 100): LoggedMessage[] {
  const made = Array.from({ length: rounds }, (_, at) => [
    callMessage(`c${at}`),
    result(`c${at}`, longText(`r${at}`, tokens)),
  ]);
  return numberMessages(user('task'), ...made.flat());
}

export function expectSend(messages: readonly LoggedMessage[], options: FitOptions) {
  const fitted = fitWindow(messages, options);
  if (fitted.kind !== 'send') throw new Error('it is to be summarized');
  return fitted;
}

export function expectSummarize(messages: readonly LoggedMessage[], options: FitOptions) {
  const fitted = fitWindow(messages, options);
  if (fitted.kind !== 'summarize') throw new Error('it is to be sent');
  return fitted;
}

/** Returns the messages that are sent once the requested summary is in the log. */
export function messagesWithSummary(
  run: readonly LoggedMessage[],
  history: Message[],
  content = 'short',
) {
  const definition = {
    agent: {
      name: 'a',
      instruction: 'You help.',
      system_prompt: null,
      use_history: true,
      output_schema: null,
    },
    models: [],
    tools: [],
  };
  const buildAll = (messages: readonly Message[]) =>
    buildMessages(definition, {
      history,
      messages,
      steps_since_answer: [],
      exhausted: null,
      trust: 'user',
      messages_at_retry: 0,
      rules: { approved: [], asked: [], withdrawn: {}, decided: {}, approved_for: {} },
      refused: {},
    });
  return {
    tell: buildAll,
    before: buildAll(run),
    covered: (from: number, to: number) =>
      buildAll([...run, summary(run.length + 1, from, to, content)]),
  };
}
