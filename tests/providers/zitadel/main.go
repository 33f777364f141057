// The example provider of Zitadel's library, with what it leaves to its users: a client of its own, roles
// and short-lived tokens.
//
//	zitadel-example ADDRESS ISSUER SECRET REDIRECT_URI POST_LOGOUT_URI USERS_FILE SECONDS
package main

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	rolesScope = "urn:zitadel:iam:org:projects:roles"
	rolesClaim = "urn:zitadel:iam:org:project:roles"
)

type client struct {
	op.Client
	postLogoutURI string
}

func (c client) PostLogoutRedirectURIs() []string { return []string{c.postLogoutURI} }
func (c client) IsScopeAllowed(scope string) bool { return scope == rolesScope }

type store struct {
	*storage.Storage
	postLogoutURI string
	lifetime      time.Duration
}

func (s store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	found, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{found, s.postLogoutURI}, nil
}

func (s store) CreateAccessAndRefreshTokens(
	ctx context.Context, request op.TokenRequest, current string,
) (string, string, time.Time, error) {
	id, next, _, err := s.Storage.CreateAccessAndRefreshTokens(ctx, request, current)
	return id, next, time.Now().Add(s.lifetime), err
}

func (s store) SetUserinfoFromToken(
	ctx context.Context, info *oidc.UserInfo, token, subject, origin string,
) error {
	// In the shape of Zitadel's own: by role, the organisations that grant it.
	info.AppendClaims(rolesClaim, map[string]any{"staff": map[string]string{"1": "example.com"}})
	return s.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
}

func main() {
	address, issuer, secret, redirectURI := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	lifetime, err := time.ParseDuration(os.Args[7] + "s")
	if err != nil {
		log.Fatal(err)
	}
	users, err := storage.StoreFromFile(os.Args[6])
	if err != nil {
		log.Fatal(err)
	}
	storage.RegisterClients(storage.WebClient("gatepost", secret, redirectURI))
	kept := store{storage.NewStorage(users), os.Args[5], lifetime}
	router := exampleop.SetupServer(issuer, kept, slog.Default(), false)
	log.Fatal(http.ListenAndServe(address, router))
}
