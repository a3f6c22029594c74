/**
 * The process that decodes one picture: the file comes on stdin, a line of JSON and the picture written anew leave on
 * stdout. It holds nothing of value and ends after one file. libvips keeps bounds of its own below those of the parent.
 */
import { existsSync, readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { imageLimits } from '#core/limits.ts';

sharp.cache(false);
// One file is decoded at a time: more threads would only take more memory.
sharp.concurrency(1);
// Whatever else libvips reads (SVG, TIFF, HEIF, GIF) is code that nobody needs here.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: ['VipsForeignLoadPng', 'VipsForeignLoadJpeg', 'VipsForeignLoadWebp'] });

const file = await buffer(process.stdin);
process.stdout.write(await decoded(file));

async function decoded(bytes: Buffer): Promise<Buffer> {
  try {
    const picture = sharp(bytes, {
      failOn: 'error',
      limitInputPixels: imageLimits.pixelsMax,
      sequentialRead: true,
      pages: 1,
    })
      .autoOrient()
      .toColourspace('srgb');
    const isJpeg = bytes[0] === 0xff;
    // Level 3 takes a quarter of the time of level 6; at 95 a JPEG can be written again unseen.
    const written = isJpeg ? picture.jpeg({ quality: 95 }) : picture.png({ compressionLevel: 3 });
    const { data, info } = await written.toBuffer({ resolveWithObject: true });
    const type = isJpeg ? 'image/jpeg' : 'image/png';
    return answer({ kind: 'decoded', type, width: info.width, height: info.height }, data);
  } catch (error) {
    const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown';
    // Want of memory says nothing of the picture: the process ends without a word, as where the kernel ends it.
    if (/glib|memory|allocat/i.test(detail)) process.exit(1);
    return answer({ kind: 'undecodable', detail });
  }
}

function answer(json: Record<string, unknown>, data: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ ...json, peakRssMb: peakRssMb() })}\n`), data]);
}

/** Of this program alone, where the kernel tells it: the usual count begins with what the parent had before `exec`. */
function peakRssMb(): number {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  return Number(kilobytes ?? process.resourceUsage().maxRSS) / 1024;
}
