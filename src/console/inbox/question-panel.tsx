import { Alert, Anchor, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { isJsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { isEmptyValue } from '../parts/value-view.tsx';
import { useMayWrite } from '../server/me.tsx';
import { oneQuestion } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { askerOf, useOpenQuestions } from '../server/waiting/open-questions.tsx';
import { approvalIn } from '../values/approval-words.ts';
import { StructuredView } from '../values/structured-view.tsx';
import { AnswerForm } from './answer-form.tsx';
import { ApprovalForm } from './approval-form.tsx';
import { Changes } from './changes.tsx';
import { EffectForm } from './effect-form.tsx';
import type { QuestionDetail } from './question-detail.ts';

const text = messages.inbox;

/** Loads one question, and again when it leaves the open ones, for example by another person. */
export function QuestionPanel({ id }: { id: string }) {
  const { data, failure, reload } = useAnswer(oneQuestion, { id });
  const { questions } = useOpenQuestions();
  const isOpen = questions.some((one) => one.id === id);
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    if (wasOpen.current && !isOpen) reload();
    wasOpen.current = isOpen;
  }, [isOpen, reload]);
  const question = data?.question;
  return (
    <Paper withBorder radius="md" p="md" component="section">
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!failure && !data && <Loader size="sm" aria-label={messages.common.loading} />}
      {!failure && data && !question && <Text size="sm">{text.notFound}</Text>}
      {question && <Question question={question} reload={reload} />}
    </Paper>
  );
}

function Question({ question, reload }: { question: QuestionDetail; reload(): void }) {
  return (
    <Stack gap="md">
      <div>
        <Text size="xs" c="dimmed">
          {text.kinds[question.kind]} · {askerOf(question)}
        </Text>
        <Title order={2} size="h4" className="user-text">
          {headingOf(question)}
        </Title>
      </div>
      {question.trust === 'external' && (
        <Alert color="orange" variant="outline" p="xs" className="failure">
          <Text size="sm">{text.external}</Text>
        </Alert>
      )}
      <Facts question={question} />
      {question.kind !== 'question' && isJsonObject(question.toolCall) && (
        <div>
          <Title order={3} size="h6" mb={4}>
            {text.call}: {String(question.toolCall.name ?? '')}
          </Title>
          {!isEmptyValue(question.toolCall.arguments) && (
            <StructuredView value={question.toolCall.arguments ?? null} label={text.call} />
          )}
        </div>
      )}
      {isJsonObject(question.preview) && <Changes preview={question.preview} />}
      <Outcome question={question} reload={reload} />
    </Stack>
  );
}

/** Returns the question without the arguments of the call, which stand below it. */
function headingOf({ kind, prompt }: QuestionDetail): string {
  const approval = kind === 'approval' ? approvalIn(prompt) : undefined;
  if (approval === undefined) return prompt;
  return [text.approveCall(approval.tool), approval.more].filter(Boolean).join(' ');
}

function Facts({ question }: { question: QuestionDetail }) {
  return (
    <Group gap="lg" className="facts">
      <Text size="sm" component="div">
        {text.asked} <Moment at={question.createdAt} />
      </Text>
      {question.expiresAt && (
        <Text size="sm" component="div">
          {text.deadline} <Moment at={question.expiresAt} />
          {question.defaultAnswer && `, ${text.otherwise(question.defaultAnswer)}`}
        </Text>
      )}
      {question.requiredRole && (
        <Text size="sm">
          {text.role} {question.requiredRole}
        </Text>
      )}
      <Anchor component={Link} href={`/runs/${question.executionId}`} size="sm">
        {text.run}
      </Anchor>
    </Group>
  );
}

/** The form of an open question, or what became of it, which is read out when it happens. */
function Outcome({ question, reload }: { question: QuestionDetail; reload(): void }) {
  const mayAnswer = useMayWrite('executions');
  const isOpen = question.status === 'open';
  const Form = { approval: ApprovalForm, effect: EffectForm, question: AnswerForm }[question.kind];
  return (
    <div>
      <Text size="sm" component="div" className="user-text" role="status">
        {outcomeOf(question)}
      </Text>
      {isOpen && !mayAnswer && <Text size="sm">{messages.common.readOnly}</Text>}
      {isOpen && mayAnswer && <Form question={question} answered={reload} />}
    </div>
  );
}

function outcomeOf({ status, answer, answeredBy }: QuestionDetail): string {
  if (status === 'open') return '';
  if (status !== 'answered') return text[status];
  return text.answered(answer ?? messages.common.none, answeredBy ?? '');
}
