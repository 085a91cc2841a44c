import {
  type CreateMessageRequestParams,
  type InputRequest,
  inputRequired,
} from '@modelcontextprotocol/server';
import { SAMPLING } from '../../contracts/agents/mcp-host.ts';
import type { Question } from '../../db/queries/questions.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { formOf } from './elicitation.ts';

/** What a client can be asked: a person at it, by a form, and its model. */
export type Abilities = { forms: boolean; samples: boolean };

type Claimed = { elicitation?: object | undefined; sampling?: object | undefined };

/** An empty capability stands for forms. */
export function abilitiesOf(claimed: Claimed | undefined): Abilities {
  const { elicitation, sampling } = claimed ?? {};
  return {
    forms: elicitation !== undefined && (!('url' in elicitation) || 'form' in elicitation),
    samples: sampling !== undefined,
  };
}

/** Whether a client can be asked this. */
export function canBeAsked({ forms, samples }: Abilities, question: Question): boolean {
  return forms || (samples && isForModel(question));
}

function isForModel({ schema }: Question): boolean {
  return isJsonObject(schema?.[SAMPLING] ?? null);
}

/** A question as a request to the client: of its model where that is wanted and there, else of its person. */
export function requestFor(
  question: Question,
  fault: string | null,
  { samples }: Abilities,
): { method: 'elicitation/create' | 'sampling/createMessage'; params: JsonObject } {
  return samples && isForModel(question)
    ? { method: 'sampling/createMessage', params: question.schema?.[SAMPLING] as JsonObject }
    : { method: 'elicitation/create', params: formOf(question, fault) as unknown as JsonObject };
}

/** The same where the result of the call asks. */
export function inputFor(
  question: Question,
  fault: string | null,
  abilities: Abilities,
): InputRequest {
  const { method, params } = requestFor(question, fault, abilities);
  return method === 'sampling/createMessage'
    ? inputRequired.createMessage(params as unknown as CreateMessageRequestParams)
    : inputRequired.elicit(formOf(question, fault));
}

/** What the client says: an answer by its form, no where that is an answer, or nothing that counts. */
export type Response = { content: JsonObject } | { text: string } | undefined;

export function responseTo({ options, schema }: Question, response: Json | undefined): Response {
  if (!isJsonObject(response ?? null)) return undefined;
  const { action, content, role, model } = response as JsonObject;
  if (role !== undefined && schema?.[SAMPLING] !== undefined) {
    return { content: { content: textOf(content), model: String(model ?? 'unknown') } };
  }
  if (action === 'accept')
    return { content: isJsonObject(content ?? null) ? (content as JsonObject) : {} };
  const mayDecline = action === 'decline' && schema !== null && options?.includes('decline');
  return mayDecline ? { text: 'decline' } : undefined;
}

/** Of what a model said the text. */
function textOf(content: Json | undefined): string {
  const parts = Array.isArray(content) ? content : [content ?? null];
  return parts
    .flatMap((part) => (isJsonObject(part) && part.type === 'text' ? [String(part.text)] : []))
    .join('\n');
}
