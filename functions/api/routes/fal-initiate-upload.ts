import { writeUploadPass } from '#core/batch/upload-pass.ts';
import { newFileId } from '#core/flows/store-file.ts';
import { fileLimits } from '#core/limits.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Nothing is stored yet: an upload that never comes leaves nothing. */
export const falInitiateUpload: RouteHandler<'falInitiateUpload'> = async (deps, { caller, apiUrl }) => {
  const { fileId } = newFileId(deps);
  const untilMs = deps.clock.nowMs() + fileLimits.uploadSeconds * 1000;
  const pass = writeUploadPass(deps.keyPepper, { tenantId: caller.tenant.tenantId, fileId, untilMs });
  return {
    status: 200,
    body: {
      upload_url: `${apiUrl}/fal/rest/storage/files/${pass}`,
      file_url: `${apiUrl}/v1/files/${fileId}/content`,
    },
  };
};
