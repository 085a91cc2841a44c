import type { CallToolResult } from '@modelcontextprotocol/server';
import type { ExecutionRow } from '../../db/queries/queries.ts';
import type { Question } from '../../db/queries/questions.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { ANSWER_TOOL } from './answer-tool.ts';

/**
 * Returns the result of a call whose run has ended: the text of the run, or its content if there is
 * more than a text.
 */
export function endedResult(
  id: string,
  run: ExecutionRow | undefined,
  content: CallToolResult['content'] = [],
): CallToolResult {
  const _meta = {
    'howdah/execution_id': id,
    'howdah/status': run?.status ?? 'gone',
    'howdah/finish_reason': run?.finish_reason ?? null,
  };
  if (run?.status === 'completed') {
    const text = run.output ?? JSON.stringify(run.output_data);
    return {
      content: content.length > 0 ? content : [{ type: 'text', text }],
      ...(isJsonObject(run.output_data) && { structuredContent: run.output_data }),
      _meta,
    };
  }
  return { isError: true, content: [{ type: 'text', text: lossOf(id, run) }], _meta };
}

function lossOf(id: string, run: ExecutionRow | undefined): string {
  if (!run) return `The run ${id} no longer exists.`;
  if (run.status === 'cancelled') return `The run was cancelled. Execution ${id}.`;
  const { message } = isJsonObject(run.error) ? run.error : ({} as JsonObject);
  const why = typeof message === 'string' ? message : 'no reason is recorded';
  return `The run failed (${run.stop_reason}): ${why}. Execution ${id}.`;
}

/**
 * Returns the result of a call whose run waits for a person. The client cannot ask the person, or
 * the person declined to answer.
 */
export function waitingResult(id: string, questions: Question[], note?: string): CallToolResult {
  const lines = questions.map(({ id: question, kind, prompt, options }) =>
    [
      `Question ${question} (${kind}): ${prompt}`,
      options?.length ? `One of: ${options.join(', ')}` : undefined,
      kind === 'approval' ? 'Answer approve or reject.' : undefined,
      kind === 'effect' ? 'Answer done, again or give_up.' : undefined,
    ]
      .filter((line) => line !== undefined)
      .join('\n'),
  );
  const how = `Ask the person who may decide. Then call the tool ${ANSWER_TOOL} with question_id and answer. The tool returns the next answer of the run.`;
  const text = [`The run ${id} waits for a person.`, note, ...lines, how];
  return {
    content: [{ type: 'text', text: text.filter((part) => part !== undefined).join('\n\n') }],
    _meta: {
      'howdah/execution_id': id,
      'howdah/status': 'waiting',
      'howdah/questions': questions.map(({ id: question, kind, options, schema }) => ({
        id: question,
        kind,
        ...(options && { options }),
        ...(schema && { schema }),
      })),
    },
  };
}
