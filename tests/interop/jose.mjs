// Node's jose for clients.py: prints JSON; status 3 is a token that it does not take.
import { SignJWT, createRemoteJWKSet, errors, importPKCS8, jwtVerify } from "jose";

async function verify(token, url, algorithm) {
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(url)), { algorithms: [algorithm] });
  return payload;
}

async function sign(claims, pem, alg, kid) {
  return new SignJWT(JSON.parse(claims)).setProtectedHeader({ alg, kid }).sign(await importPKCS8(pem, alg));
}

const [command, ...rest] = process.argv.slice(2);
try {
  console.log(JSON.stringify(await { verify, sign }[command](...rest)));
} catch (error) {
  if (!(error instanceof errors.JOSEError)) throw error;
  console.error(error);
  process.exitCode = 3;
}
