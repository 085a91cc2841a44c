import { Button, Group, Stack, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { messages } from '../messages/messages.ts';

const text = messages.inbox;

type JsonFormProps = {
  isBusy: boolean;
  submit(value: JsonObject): void;
  /** The word on its button. */
  label: string;
  /** The JSON to begin with. */
  begun?: string;
  /** Is told what is written, and its value if it is an object. */
  onChange?(written: string, value: JsonObject | undefined): void;
  /** Goes on in fields. Returns false if the value has others. */
  showFields?(value: JsonObject): boolean;
};

/** A JSON object that is written as text. */
export function JsonForm(props: JsonFormProps) {
  const { isBusy, submit, label, begun = '{}', onChange, showFields } = props;
  const [written, setWritten] = useState(begun);
  const [fault, setFault] = useState<'notObject' | 'onlyJson'>();
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    const value = readObject(written);
    setFault(value ? undefined : 'notObject');
    if (value) submit(value);
  };
  const goOn = () => {
    const value = readObject(written);
    if (!value) setFault('notObject');
    else if (!showFields?.(value)) setFault('onlyJson');
  };
  return (
    <Stack component="form" gap="sm" onSubmit={onSubmit} maw={480}>
      <Textarea
        label={text.json}
        value={written}
        onChange={({ currentTarget: { value } }) => {
          setWritten(value);
          setFault(undefined);
          onChange?.(value, readObject(value));
        }}
        error={fault && text[fault]}
        classNames={{ input: 'json-input' }}
        autosize
        minRows={3}
      />
      <Group>
        <Button type="submit" loading={isBusy}>
          {label}
        </Button>
        {showFields && (
          <Button variant="subtle" onClick={goOn}>
            {text.asFields}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

function readObject(written: string): JsonObject | undefined {
  try {
    const value = parseJson(written);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
