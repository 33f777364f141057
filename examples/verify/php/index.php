<?php

declare(strict_types=1);

require __DIR__ . '/vendor/autoload.php';
require __DIR__ . '/assertion.php';

$identity = verifiedIdentity(
    getenv('ASSERTION_ISSUER'),
    getenv('ASSERTION_AUDIENCE'),
    getenv('ASSERTION_JWKS')
);

header('Content-Type: application/json');
echo json_encode(['user' => $identity->user, 'groups' => $identity->groups]);
