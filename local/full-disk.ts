/** How the operating system and the stores say that there is no room, whether on the disk, in a quota or in a file. */
const words = /ENOSPC|EDQUOT|EFBIG|no space left|file too large|disk quota exceeded|disk is full/i;

export function isFull(error: unknown): boolean {
  return error instanceof Error && words.test(`${'code' in error ? error.code : ''} ${error.message}`);
}
