/**
 * Reads the name of a TLS connection from its first message (RFC 8446, section 4.1.2; RFC 6066,
 * section 3), in HAProxy's Lua. HAProxy has its own reader, which does not tell of a name that
 * is hidden in an encrypted second message (RFC 9849), nor of two names in one message.
 *
 * Gives the name in lower case, or what is wrong: `?unreadable` (also where the message comes in
 * several records, which no common client does), `?nameless`, `?encrypted`.
 */
export const clientHelloReader = String.raw`
local function number(text, at, length)
  local value = 0
  for index = at, at + length - 1 do
    local byte = text:byte(index)
    if byte == nil then error("short") end
    value = value * 256 + byte
  end
  return value
end

-- The position after a field that begins with its length.
local function after(text, at, length)
  local next = at + length + number(text, at, length)
  if next > #text + 1 then error("short") end
  return next
end

local function server_name(text)
  -- A list of one entry of type host_name (0).
  if number(text, 1, 2) ~= #text - 2 then error("odd") end
  if number(text, 3, 1) ~= 0 then error("odd") end
  if number(text, 4, 2) ~= #text - 5 then error("odd") end
  return text:sub(6):lower()
end

local function read(text)
  if number(text, 1, 1) ~= 22 or number(text, 2, 1) ~= 3 then error("no handshake") end
  local record = text:sub(6, after(text, 4, 2) - 1)
  if number(record, 1, 1) ~= 1 or number(record, 2, 3) ~= #record - 4 then error("no whole hello") end
  local at = 5 + 2 + 32
  at = after(record, at, 1)
  at = after(record, at, 2)
  at = after(record, at, 1)
  if after(record, at, 2) ~= #record + 1 then error("odd") end
  at = at + 2
  local name
  while at <= #record do
    local kind = number(record, at, 2)
    local next = after(record, at + 2, 2)
    if kind == 0xfe0d then return "?encrypted" end
    if kind == 0 then
      if name then error("two names") end
      name = server_name(record:sub(at + 4, next - 1))
    end
    at = next
  end
  if name == nil then return "?nameless" end
  if not name:match("^[a-z0-9_][a-z0-9._-]*$") then error("no host name") end
  return name
end

core.register_fetches("client_hello", function(txn)
  local fine, name = pcall(read, txn.f:req_payload(0, 0) or "")
  if fine then return name end
  return "?unreadable"
end)
`;
