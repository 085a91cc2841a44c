import { Button, Group, Radio, Stack, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { isEmptyValue } from '../parts/value-view.tsx';
import { answerOne } from '../server/operations.generated.ts';
import type { FormProps } from './question-detail.ts';
import { allowsMoreFields, fieldsOf, writeValue } from './schema-fields.ts';
import { SchemaForm } from './schema-form.tsx';
import { useSend } from './use-send.ts';

const text = messages.inbox;

/** The answer to a question: one of its options, a form of its schema, or text. */
export function AnswerForm({ question, answered }: FormProps) {
  const { send, failure, isBusy } = useSend(answered);
  const { id, options, schema } = question;
  const fields = fieldsOf(schema);
  const sendData = (data: Json) => send(answerOne, { id, data });
  const sendText = (answer: string) => send(answerOne, { id, answer });
  return (
    <Stack gap="sm">
      {failure && <FailureAlert failure={failure} />}
      {fields && (
        <SchemaForm
          {...{ fields, isBusy }}
          submit={sendData}
          allowsMore={allowsMoreFields(schema)}
        />
      )}
      {!fields && Array.isArray(options) && options.length > 0 && (
        <Options options={options} isBusy={isBusy} submit={sendText} />
      )}
      {!fields && isEmptyValue(options) && (
        <FreeAnswer
          isJson={!isEmptyValue(schema)}
          isBusy={isBusy}
          submit={sendText}
          submitData={sendData}
        />
      )}
    </Stack>
  );
}

type OptionsProps = { options: readonly Json[]; isBusy: boolean; submit(answer: string): void };

function Options({ options, isBusy, submit }: OptionsProps) {
  const [chosen, setChosen] = useState('');
  return (
    <>
      <Radio.Group value={chosen} onChange={setChosen} label={text.answer}>
        <Stack gap="xs" mt="xs">
          {options.map((option) => (
            <Radio key={writeValue(option)} value={writeValue(option)} label={writeValue(option)} />
          ))}
        </Stack>
      </Radio.Group>
      <Group>
        <Button onClick={() => submit(chosen)} disabled={chosen === ''} loading={isBusy}>
          {text.submit}
        </Button>
      </Group>
    </>
  );
}

type FreeAnswerProps = {
  /** True if the answer is a value of a schema without fields. */
  isJson: boolean;
  isBusy: boolean;
  submit(answer: string): void;
  submitData(data: Json): void;
};

function FreeAnswer({ isJson, isBusy, submit, submitData }: FreeAnswerProps) {
  const [written, setWritten] = useState('');
  const [isWrong, setWrong] = useState(false);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (!isJson) return submit(written);
    try {
      submitData(parseJson(written));
    } catch {
      setWrong(true);
    }
  };
  return (
    <Stack component="form" gap="sm" onSubmit={onSubmit}>
      <Textarea
        label={text.answer}
        value={written}
        onChange={(event) => {
          setWritten(event.currentTarget.value);
          setWrong(false);
        }}
        error={isWrong ? text.notJson : undefined}
        autosize
        minRows={3}
      />
      <Group>
        <Button type="submit" disabled={written.trim() === ''} loading={isBusy}>
          {text.submit}
        </Button>
      </Group>
    </Stack>
  );
}
