<?php

declare(strict_types=1);

use Firebase\JWT\CachedKeySet;
use Firebase\JWT\JWT;
use GuzzleHttp\Client;
use GuzzleHttp\Psr7\HttpFactory;
use Psr\Http\Client\ClientExceptionInterface;
use Symfony\Component\Cache\Adapter\FilesystemAdapter;

/** The claims of a valid Gatepost-Assertion; otherwise answers 401 or 503 and ends. */
function verifiedIdentity(string $issuer, string $audience, string $jwksUrl): stdClass
{
    // Keys stay for five minutes; an unknown kid causes ten fetches a minute at most.
    $keys = new CachedKeySet(
        $jwksUrl,
        new Client(['timeout' => 5, 'allow_redirects' => false]),
        new HttpFactory(),
        new FilesystemAdapter('gatepost'),
        300,
        true
    );
    JWT::$leeway = 10;
    try {
        $header = new stdClass();
        $claims = JWT::decode($_SERVER['HTTP_GATEPOST_ASSERTION'] ?? '', $keys, $header);
    } catch (ClientExceptionInterface) {
        refuse(503);
    } catch (Throwable) {
        refuse(401);
    }
    // firebase/php-jwt checks the times only if they are there, and neither issuer nor audience.
    $valid = ($header->typ ?? null) === 'gatepost+jwt'
        && ($header->alg ?? null) === 'ES256'
        && ($claims->iss ?? null) === $issuer
        && ($claims->aud ?? null) === $audience
        && isset($claims->exp, $claims->nbf, $claims->iat, $claims->user);
    return $valid ? $claims : refuse(401);
}

function refuse(int $status): never
{
    http_response_code($status);
    header('Content-Type: text/plain');
    exit("No valid identity assertion.\n");
}
