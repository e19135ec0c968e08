// What Supabase's client for JavaScript makes of an Auth server: told whom to be by JSON on standard input, it prints
// what it saw as JSON. A refusal that it did not expect ends it.
import { readFileSync } from "node:fs";
import { AuthClient } from "@supabase/auth-js";

const { url, publishable, secret, email, password, newPassword } = JSON.parse(readFileSync(0, "utf8"));
const seen = {};

function client(headers) {
  return new AuthClient({ url, headers, autoRefreshToken: false, persistSession: false, flowType: "implicit" });
}

async function good(name, attempt) {
  const { data, error } = await attempt;
  if (error) throw new Error(`${name}: ${error.status} ${error.code} ${error.message}`);
  seen[name] = data;
  return data;
}

async function refused(name, attempt) {
  const { error } = await attempt;
  if (!error) throw new Error(`${name}: it was not refused`);
  seen[name] = { status: error.status, code: error.code };
}

const auth = client({ apikey: publishable });
await refused("wrongPassword", auth.signInWithPassword({ email, password: "not-this-one" }));
const { session } = await good("signedIn", auth.signInWithPassword({ email, password }));
await good("claims", auth.getClaims(session.access_token));
const { session: current } = await good("refreshed", auth.refreshSession());
await good("user", auth.getUser());
await refused("samePassword", auth.updateUser({ password }));
await refused("weakPassword", auth.updateUser({ password: "short" }));
await good("changed", auth.updateUser({ password: newPassword, data: { theme: "dark" } }));
await good("signedOut", auth.signOut().then(({ error }) => ({ data: true, error })));
await refused("afterwards", auth.getUser(current.access_token));
await refused("oldPassword", auth.signInWithPassword({ email, password }));
await good("newPassword", auth.signInWithPassword({ email, password: newPassword }));

const { admin } = client({ apikey: secret, Authorization: `Bearer ${secret}` });
await good("people", admin.listUsers({ page: 1, perPage: 1 }));
const { properties } = await good("link", admin.generateLink({ type: "recovery", email }));
const visitor = client({ apikey: publishable });
const link = { token_hash: properties.hashed_token, type: "recovery" };
await good("recovered", visitor.verifyOtp(link));
await good("recoveredPassword", visitor.updateUser({ password }));
await refused("secondTime", visitor.verifyOtp(link));

console.log(JSON.stringify(seen));
