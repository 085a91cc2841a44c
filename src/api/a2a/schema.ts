import { z } from 'zod';

// What a client of A2A sends, in the words of 1.0 and of 0.3, which differ in how a part says what it is.

const metadata = z.looseObject({}).nullish();

const part = z
  .looseObject({
    text: z.string().optional(),
    raw: z.string().optional(),
    url: z.string().optional(),
    data: z.unknown().optional(),
    filename: z.string().nullish(),
    mediaType: z.string().nullish(),
    /** As 0.3 has it. */
    file: z
      .looseObject({
        bytes: z.string().optional(),
        uri: z.string().optional(),
        name: z.string().nullish(),
        mimeType: z.string().nullish(),
      })
      .optional(),
  })
  .transform(({ file, ...given }) => ({
    text: given.text,
    data: given.data,
    raw: file?.bytes ?? given.raw,
    url: file?.uri ?? given.url,
    filename: (file?.name ?? given.filename) || 'file',
    mediaType: (file?.mimeType ?? given.mediaType) || undefined,
  }));
export type Part = z.output<typeof part>;

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

/** `SendMessage` and `SendStreamingMessage`. */
export const sendParams = z.looseObject({
  message,
  configuration: z
    .looseObject({
      historyLength,
      returnImmediately: z.boolean().nullish(),
      /** As 0.3 has it: the opposite. */
      blocking: z.boolean().nullish(),
      taskPushNotificationConfig: z.unknown().optional(),
      pushNotificationConfig: z.unknown().optional(),
    })
    .nullish(),
  metadata,
});
export type SendParams = z.output<typeof sendParams>;

/** `GetTask`, `CancelTask` and `SubscribeToTask`. */
export const taskParams = z.looseObject({ id: z.string().min(1), historyLength });

/** A request of JSON-RPC. */
export const rpcRequest = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.int(), z.null()]).optional(),
  method: z.string().min(1),
  params: z.looseObject({}).optional(),
});
export type RpcId = string | number | null;
