import { Button, Loader, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { JsonObject } from '../../../json/json.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { ValueView } from '../../parts/value-view.tsx';
import { Failure } from '../../server/failure.ts';
import { callRest } from '../../server/rest.ts';

const text = rowTexts.modelTest;

/** A button that asks a stored model a tiny question. Its key stays where it is stored. */
export function ModelTest({ name }: { name: string }) {
  const test = useModelTest();
  const { start, failure } = useAction(() => test.run({ model: name }));
  return (
    <>
      <Button
        size="xs"
        variant="default"
        onClick={() => {
          test.show();
          start();
        }}
      >
        {text.button}
      </Button>
      <TestDialog name={name} test={test} failure={failure} />
    </>
  );
}

/** A test of a model: its report, and whether it is shown. */
export type Test = {
  isShown: boolean;
  report: JsonObject | undefined;
  /** Tests what the body describes, and shows it. Throws a `Failure`. */
  run(body: JsonObject): Promise<void>;
  /** Shows the test that runs, or the last report. */
  show(): void;
  close(): void;
};

/** Tests a model, stored or not. */
export function useModelTest(): Test {
  const [isShown, setShown] = useState(false);
  const [report, setReport] = useState<JsonObject>();
  const run = async (body: JsonObject) => {
    setShown(true);
    setReport(undefined);
    const answer = await callRest<JsonObject>('/api/models/test', { method: 'POST', body });
    setReport(answer.body);
  };
  return { isShown, report, run, show: () => setShown(true), close: () => setShown(false) };
}

type TestDialogProps = { name: string; test: Test; failure?: Failure | undefined };

/** The report of a test, or why there is none. */
export function TestDialog({ name, test, failure }: TestDialogProps) {
  const { isShown, report, close } = test;
  return (
    <Modal opened={isShown} onClose={close} title={text.title(name)} size="lg">
      {!report && !failure && (
        <Stack gap="sm">
          <Loader size="sm" aria-label={text.busy} />
          <Text size="sm">{text.busy}</Text>
        </Stack>
      )}
      {failure && <FailureAlert failure={failure} />}
      {report && <Report report={report} />}
    </Modal>
  );
}

function Report({ report }: { report: JsonObject }) {
  const { code, message, hint } = (report.error ?? {}) as Record<string, string | undefined>;
  return (
    <Stack gap="sm">
      <Text fw={600}>{report.ok === true ? text.passed : text.failed}</Text>
      {message && <FailureAlert failure={new Failure(message, code ?? '', hint)} />}
      <ValueView value={report} label={text.title(String(report.model))} />
    </Stack>
  );
}
