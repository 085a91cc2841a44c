import { Button } from '@mantine/core';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { request } from '../../server/graphql.ts';
import { useMayWrite } from '../../server/me.tsx';
import { retryDocument } from '../../server/operations.generated.ts';

const text = knowledgeTexts.documents;

type RetryButtonProps = { id: string; title: string; done(): void; isSmall?: boolean };

/** Puts a failed document back into the queue. */
export function RetryButton({ id, title, done, isSmall = false }: RetryButtonProps) {
  const mayWrite = useMayWrite('documents');
  const { start, failure, isBusy } = useAction(async () => {
    await request(retryDocument, { id });
    done();
  });
  if (!mayWrite) return null;
  return (
    <>
      <Button
        size={isSmall ? 'compact-xs' : 'xs'}
        variant="default"
        className="retry"
        loading={isBusy}
        onClick={start}
        aria-label={text.retryOf(title)}
      >
        {text.retry}
      </Button>
      {failure && <FailureAlert failure={failure} />}
    </>
  );
}
