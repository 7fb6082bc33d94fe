// What a welcome says before it is followed, and the tag by which holders of the appointment's secret know their group.

import type { CiphersuiteImpl } from "ts-mls/crypto/ciphersuite.js";
import type { GroupInfo } from "ts-mls/groupInfo.js";
import { decryptGroupInfo, decryptGroupSecrets, type Welcome } from "ts-mls/welcome.js";

import { MlsRefused } from "./authentication";
import { concat, equal, fromBase64url, hmac, labelled, type Bytes } from "./bytes";
import type { Trust } from "./credential";
import { GROUP_TAG, keyPackageRef, type OwnPackage } from "./leaf";

export async function openWelcome(suite: CiphersuiteImpl, own: OwnPackage, welcome: Welcome): Promise<GroupInfo> {
  const reference = await keyPackageRef(own.open, suite.hash);
  const key = await suite.hpke.importPrivateKey(own.secret.initPrivateKey);
  const secrets = await decryptGroupSecrets(key, reference, welcome, suite.hpke);
  if (!secrets || secrets.psks.length > 0) throw new MlsRefused("malformed");
  const info = await decryptGroupInfo(welcome, secrets.joinerSecret, new Uint8Array(suite.kdf.size), suite);
  if (!info) throw new MlsRefused("malformed");
  return info;
}

/** HMAC(appointment secret, group id ‖ creator's signature key): only who was given the secret can raise a group. */
export function groupTag(secret: string, group: Uint8Array, creator: Uint8Array): Promise<Bytes> {
  return hmac(fromBase64url(secret), labelled("poruch group", concat(group, creator)));
}

/** Whoever was not given the secret cannot check, and shows the call as not verified. */
export async function checkTag({ groupContext }: GroupInfo, { secret }: Trust): Promise<void> {
  if (secret === null) return;
  const [extension, ...more] = groupContext.extensions;
  if (extension?.extensionType !== GROUP_TAG || more.length > 0) throw new MlsRefused("wrong_tag");
  const creator = extension.extensionData.subarray(0, 32);
  const wanted = await groupTag(secret, groupContext.groupId, creator);
  if (!equal(wanted, extension.extensionData.subarray(32))) throw new MlsRefused("wrong_tag");
}
