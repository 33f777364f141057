package com.example.notes;

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.jwk.source.RateLimitReachedException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import jakarta.servlet.http.HttpServletRequest;
import java.net.URI;
import java.net.URL;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.oauth2.core.OAuth2TokenValidatorResult;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.oauth2.server.resource.InvalidBearerTokenException;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationConverter;
import org.springframework.security.web.SecurityFilterChain;

@Configuration
class SecurityConfig {

  @Bean
  SecurityFilterChain guarded(HttpSecurity http) throws Exception {
    JwtAuthenticationConverter converter = new JwtAuthenticationConverter();
    converter.setPrincipalClaimName("user");
    return http
        .authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
        .sessionManagement(it -> it.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
        .oauth2ResourceServer(
            server ->
                server
                    .bearerTokenResolver(SecurityConfig::assertion)
                    .jwt(jwt -> jwt.jwtAuthenticationConverter(converter)))
        .build();
  }

  private static String assertion(HttpServletRequest request) {
    List<String> sent = Collections.list(request.getHeaders("Gatepost-Assertion"));
    if (sent.size() > 1) {
      throw new InvalidBearerTokenException("more than one assertion");
    }
    return sent.isEmpty() ? null : sent.get(0);
  }

  @Bean
  JwtDecoder assertionDecoder(
      @Value("${assertion.issuer}") String issuer,
      @Value("${assertion.audience}") String audience,
      @Value("${assertion.jwks}") String jwks)
      throws Exception {
    URL url = URI.create(jwks).toURL();
    // Keys stay for five minutes; an unknown kid causes at most two fetches in ten seconds.
    JWKSource<SecurityContext> fetched =
        JWKSourceBuilder.<SecurityContext>create(url)
            .cache(300_000, 5_000)
            .rateLimited(10_000)
            .build();
    JWKSource<SecurityContext> keys =
        (selector, context) -> {
          try {
            return fetched.get(selector, context);
          } catch (RateLimitReachedException error) {
            return List.of();
          }
        };
    DefaultJWTClaimsVerifier<SecurityContext> claims =
        new DefaultJWTClaimsVerifier<>(
            audience,
            new JWTClaimsSet.Builder().issuer(issuer).build(),
            Set.of("exp", "nbf", "iat", "sub", "user"));
    claims.setMaxClockSkew(10);

    DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
    processor.setJWSTypeVerifier(
        new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("gatepost+jwt")));
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.ES256, keys));
    processor.setJWTClaimsSetVerifier(claims);
    NimbusJwtDecoder decoder = new NimbusJwtDecoder(processor);
    // The processor has checked everything; Spring's own checks expect another type.
    decoder.setJwtValidator(jwt -> OAuth2TokenValidatorResult.success());
    return decoder;
  }
}
