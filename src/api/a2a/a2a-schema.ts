import { z } from 'zod';
import { object } from '../../resources/fields.ts';

// Content that clients of A2A send, in the forms of 1.0 and 0.3. The forms differ in how a part
// states its type.

const metadata = object.nullish();

const part = z
  .looseObject({
    text: z.string().optional(),
    raw: z.string().optional(),
    url: z.string().optional(),
    data: z.unknown().optional(),
    filename: z.string().nullish(),
    mediaType: z.string().nullish(),
    /** A file in the form of 0.3. */
    file: z
      .looseObject({
        bytes: z.string().optional(),
        uri: z.string().optional(),
        name: z.string().nullish(),
        mimeType: z.string().nullish(),
      })
      .optional(),
  })
  .transform(({ file, ...rest }) => ({
    text: rest.text,
    data: rest.data,
    raw: file?.bytes ?? rest.raw,
    url: file?.uri ?? rest.url,
    filename: (file?.name ?? rest.filename) || 'file',
    mediaType: (file?.mimeType ?? rest.mediaType) || undefined,
  }));
export type SentPart = z.output<typeof part>;

const message = z.looseObject({
  messageId: z.string().min(1),
  contextId: z.string().nullish(),
  taskId: z.string().nullish(),
  role: z.enum(['ROLE_USER', 'user']),
  parts: z.array(part).min(1),
  metadata,
});
export type SentMessage = z.output<typeof message>;

const historyLength = z.int32().min(0).nullish();

/** Parameters of `SendMessage` and `SendStreamingMessage`. */
export const sendParams = z.looseObject({
  message,
  configuration: z
    .looseObject({
      historyLength,
      returnImmediately: z.boolean().nullish(),
      /** The opposite of `returnImmediately`, in the form of 0.3. */
      blocking: z.boolean().nullish(),
      taskPushNotificationConfig: z.unknown().optional(),
      pushNotificationConfig: z.unknown().optional(),
    })
    .nullish(),
  metadata,
});
export type SendParams = z.output<typeof sendParams>;

/** Parameters of `GetTask`, `CancelTask` and `SubscribeToTask`. */
export const taskParams = z.looseObject({ id: z.string().min(1), historyLength });

/** A request of JSON-RPC. */
export const rpcRequest = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.int(), z.null()]).optional(),
  method: z.string().min(1),
  params: z.looseObject({}).optional(),
});
export type RpcId = string | number | null;
