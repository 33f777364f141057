"""`gatepost pages`: the gateway's own templates, to start from with `pages.templates`."""

import json

import click


@click.command("pages")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="List the pages as JSON, with their values.")
def pages_command(name: str | None, *, as_json: bool) -> None:
    """List the templates of the gateway's pages, or print the template NAME.

    A file of the same name in the folder `pages.templates` takes its place.

    Example: gatepost pages sign-in > /etc/gatepost/pages/sign-in.html
    """
    from gateway.settings.page_templates import our_templates, values_of
    from gateway.settings.scalars import unknown_message

    texts = our_templates()
    if name is not None:
        file = name if name.endswith(".html") else f"{name}.html"
        if file not in texts:
            raise click.UsageError(unknown_message("page", name, [it[:-5] for it in texts]))
        click.echo(texts[file], nl=False)
    elif as_json:
        click.echo(json.dumps({it: sorted(values_of(it)) for it in texts}, indent=2))
    else:
        for it in texts:
            click.echo(it.removesuffix(".html"))
