<?php
// For PHP's built-in server, which runs this for each request.

function text(string $bytes): string
{
    return iconv("ISO-8859-1", "UTF-8", $bytes);
}

function pairs(array $values): array
{
    $found = [];
    foreach ($values as $name => $value) {
        $found[] = [text((string) $name), text((string) $value)];
    }
    return $found;
}

$target = $_SERVER["REQUEST_URI"];
$parsed = parse_url($target, PHP_URL_PATH);
$paths = [$_SERVER["SCRIPT_NAME"], $_SERVER["PHP_SELF"], $_SERVER["PATH_INFO"] ?? ""];
if (is_string($parsed)) {
    $paths[] = rawurldecode($parsed);
}
$named = array_filter($_SERVER, fn($name) => str_starts_with($name, "HTTP_"), ARRAY_FILTER_USE_KEY);
$seen = [
    "method" => $_SERVER["REQUEST_METHOD"],
    "target" => text($target),
    "paths" => array_map("text", array_values(array_filter($paths))),
    "fields" => [...pairs($named), ...pairs(getallheaders())],
];
$directory = getenv("READER_DIRECTORY");
file_put_contents("$directory/seen", json_encode($seen) . "\n", FILE_APPEND);

[$path, $name] = explode("?", $target . "?");
$early = str_ends_with($path, "/early");
while (str_ends_with($path, "/hold") && !file_exists("$directory/$name")) {
    usleep(10_000);
    clearstatcache();
}
$body = $early ? "" : file_get_contents("php://input");
$answer = json_encode($seen + ["length" => strlen($body), "digest" => hash("sha256", $body)]);
http_response_code($early ? 403 : 200);
header("Content-Length: " . strlen($answer));
echo $answer;
