import { Alert, Button, Group, Text } from '@mantine/core';
import { ShieldCheck } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { formatCount } from '../../messages/format.ts';
import { systemTexts } from '../../messages/system-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Moment } from '../../parts/moment.tsx';
import { type Failure, toFailure } from '../../server/failure.ts';
import { callRest } from '../../server/rest.ts';
import type { AuditCheck } from '../answers.ts';

const text = systemTexts.audit;
/** Rows that one request checks: about a tenth of a second of the server. */
const PART = 10_000;

type Progress = { checked: number; last: AuditCheck; isDone: boolean };

/** Checks the chain of the audit log, a part after the other, and tells what it found. */
export function AuditChain() {
  const [progress, setProgress] = useState<Progress>();
  const [failure, setFailure] = useState<Failure>();
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const check = async () => {
    stop.current = new AbortController();
    const { signal } = stop.current;
    setFailure(undefined);
    setProgress(undefined);
    try {
      for (let after = 0, checked = 0; !signal.aborted; ) {
        const { body } = await callRest<AuditCheck>(
          `/api/audit-log/check?after=${after}&limit=${PART}`,
        );
        checked += body.checked;
        const isDone = body.fault !== null || body.through >= body.last_seq || body.checked === 0;
        if (!signal.aborted) setProgress({ checked, last: body, isDone });
        if (isDone) return;
        after = body.through;
      }
    } catch (error) {
      setFailure(toFailure(error));
    }
  };
  const isBusy = progress !== undefined && !progress.isDone && failure === undefined;
  return (
    <Group gap="sm" mb="md" role="status">
      {isBusy ? (
        <Button
          size="xs"
          variant="default"
          onClick={() => {
            stop.current?.abort();
            setProgress(undefined);
          }}
        >
          {text.stop}
        </Button>
      ) : (
        <Button
          size="xs"
          variant="default"
          leftSection={<ShieldCheck size={14} aria-hidden />}
          onClick={() => void check()}
        >
          {text.check}
        </Button>
      )}
      {failure && <FailureAlert failure={failure} />}
      {progress && <Result progress={progress} />}
    </Group>
  );
}

function Result({ progress: { checked, last, isDone } }: { progress: Progress }) {
  if (!isDone) {
    return <Text size="sm">{text.checking(formatCount(checked), formatCount(last.last_seq))}</Text>;
  }
  if (last.fault !== null) {
    return (
      <Alert color="red" variant="outline" role="alert">
        <Text size="sm">{text.faults[last.fault](String(last.fault_seq))}</Text>
        <Text size="sm">{text.whatNow}</Text>
      </Alert>
    );
  }
  return (
    <Group gap={8}>
      <span className="dot" data-status="completed" aria-hidden="true" />
      <Text size="sm">
        {text.whole(formatCount(checked))}{' '}
        {last.checkpoint_seq !== null && last.checkpoint_at !== null ? (
          <>
            {text.checkpoint(formatCount(last.checkpoint_seq))} <Moment at={last.checkpoint_at} />.
          </>
        ) : (
          text.noCheckpoint
        )}
      </Text>
    </Group>
  );
}
