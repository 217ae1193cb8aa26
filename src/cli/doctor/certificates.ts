/** Certificates of listeners: whether they can be used, and for how long. */
import { StartError } from '../../listener.ts';
import { certificateFiles, readCertificate, remarks } from '../../runtime/certificate-files.ts';
import { fail, ok, warn, type Check, type Finding } from './finding.ts';
import type { TlsFiles } from '../../runtime/config.ts';

export const CERTIFICATES: Check = {
  name: 'certificates',
  examine: async ({ loaded }) =>
    (await Promise.all(certificateFiles(loaded.config.listen).map(examine))).flat(),
};

async function examine(files: TlsFiles): Promise<Finding[]> {
  try {
    const certificate = await readCertificate(files);
    const { until, names } = certificate;
    const notes = remarks(certificate, Date.now());
    const mode = certificate.keyReadableByAll ? [`chmod 600 ${files.key}`] : [];
    if (until.getTime() <= Date.now()) return [fail(notes.join('; '), ...mode)];
    if (notes.length > 0) return [warn(notes.join('; '), ...mode)];
    return [ok(`${files.cert} is for ${names}, until ${until.toISOString().slice(0, 10)}`)];
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return [fail(error.message + (error.hint === undefined ? '' : `: ${error.hint}`))];
  }
}
