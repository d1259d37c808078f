// The names that Openline accepts, checked here so that the sentence comes
// before the request does.

const userForm = /^[A-Za-z0-9._~@:-]{1,128}$/;
const channelForm = /^[A-Za-z0-9._~@:/-]{1,128}$/;

/**
 * @param {string} name
 * @returns {string} a sentence that says what is wrong, or nothing
 */
export function checkUser(name) {
  if (name === "") return "A user needs a name.";
  if (name === "." || name === "..") return "A user cannot be called . or .., which mean something else in an address.";
  if (!userForm.test(name)) return "A user’s name is 1 to 128 characters of A–Z a–z 0–9 . _ - ~ @ :";
  return "";
}

/**
 * @param {string} name
 * @returns {string} a sentence that says what is wrong, or nothing
 */
export function checkChannel(name) {
  if (name === "") return "A channel needs a name, such as chat:lobby.";
  if (name.startsWith("@")) return "Names that begin with @ are reserved: write to a user, or to everyone, instead.";
  if (name === "." || name === "..") return "A channel cannot be called . or .., which mean something else in an address.";
  if (!channelForm.test(name)) return "A channel’s name is 1 to 128 characters of A–Z a–z 0–9 . _ - ~ @ : /";
  return "";
}
