package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// Identity has the claims of the assertion that this app uses.
type Identity struct {
	User   string   `json:"user"`
	Groups []string `json:"groups"`
	jwt.RegisteredClaims
}

type identityKey struct{}

// VerifyAssertion lets in requests with a valid Gatepost-Assertion.
func VerifyAssertion(issuer, audience string, keys keyfunc.Keyfunc, next http.Handler) http.Handler {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"ES256"}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithNotBeforeRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(10*time.Second),
	)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var identity Identity
		sent := r.Header.Values("Gatepost-Assertion")
		if len(sent) != 1 {
			http.Error(w, "No valid identity assertion.", http.StatusUnauthorized)
			return
		}
		_, err := parser.ParseWithClaims(sent[0], &identity, func(token *jwt.Token) (any, error) {
			if token.Header["typ"] != "gatepost+jwt" {
				return nil, errors.New("not an assertion")
			}
			return keys.KeyfuncCtx(r.Context())(token)
		})
		if err != nil || identity.User == "" {
			http.Error(w, "No valid identity assertion.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, identity)))
	})
}

func index(w http.ResponseWriter, r *http.Request) {
	identity := r.Context().Value(identityKey{}).(Identity)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"user": identity.User, "groups": identity.Groups})
}

func main() {
	issuer, audience := os.Getenv("ASSERTION_ISSUER"), os.Getenv("ASSERTION_AUDIENCE")
	if issuer == "" || audience == "" {
		log.Fatal("set ASSERTION_ISSUER and ASSERTION_AUDIENCE")
	}
	keys, err := keyfunc.NewDefaultOverrideCtx(
		context.Background(),
		[]string{os.Getenv("ASSERTION_JWKS")},
		keyfunc.Override{
			RefreshInterval: 5 * time.Minute,
			HTTPTimeout:     5 * time.Second,
			// An unknown kid causes one fetch in ten seconds, and is refused at once in between.
			RefreshUnknownKID: rate.NewLimiter(rate.Every(10*time.Second), 1),
			RateLimitWaitMax:  time.Millisecond,
		},
	)
	if err != nil {
		log.Fatal(err)
	}
	address := os.Getenv("ADDRESS")
	if address == "" {
		address = "127.0.0.1:3000"
	}
	guarded := VerifyAssertion(issuer, audience, keys, http.HandlerFunc(index))
	log.Fatal(http.ListenAndServe(address, guarded))
}
