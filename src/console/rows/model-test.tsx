import { Button, Loader, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { JsonObject } from '../../json/json.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { ValueView } from '../parts/value-view.tsx';
import { Failure } from '../server/failure.ts';
import { callRest } from '../server/rest.ts';

const text = rowTexts.modelTest;

/** A button that asks a stored model a tiny question. Its key stays where it is stored. */
export function ModelTest({ name }: { name: string }) {
  const [isOpen, setOpen] = useState(false);
  const [report, setReport] = useState<JsonObject>();
  const { start, failure } = useAction(async () => {
    setOpen(true);
    setReport(undefined);
    const body = { model: name };
    const answer = await callRest<JsonObject>('/api/models/test', { method: 'POST', body });
    setReport(answer.body);
  });
  return (
    <>
      <Button size="xs" variant="default" onClick={start}>
        {text.button}
      </Button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title={text.title(name)} size="lg">
        {!report && !failure && (
          <Stack gap="sm">
            <Loader size="sm" aria-label={text.busy} />
            <Text size="sm">{text.busy}</Text>
          </Stack>
        )}
        {failure && <FailureAlert failure={failure} />}
        {report && <Report report={report} />}
      </Modal>
    </>
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
